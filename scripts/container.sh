#!/usr/bin/env bash
# What a container does. `predict FILE` labels a test file with the finished experiment below /data/work and writes
# /data/result.parquet; anything else is a sub-command of goods.
set -euo pipefail
if [ "${1:-}" = predict ] && [ "$#" -ge 2 ] && [[ "$2" == *.parquet || "$2" == *.csv ]]; then
    file="$2"
    shift 2
    work="${GOODS_WORK:-work}"
    found=("$work"/*/runs)
    competition="${GOODS_COMPETITION:-$(basename "$(dirname "${found[0]}")")}"
    if [ -z "${GOODS_COMPETITION:-}" ] && { [ "${#found[@]}" -ne 1 ] || [ ! -d "${found[0]}" ]; }; then
        echo "error: $work has not one finished competition; name it with -e GOODS_COMPETITION=NAME" >&2
        exit 2
    fi
    exec goods predict "$competition" "${GOODS_EXPERIMENT:-stack}" "$file" --work "$work" --plain \
        --out "${GOODS_OUT:-result.parquet}" "$@"
fi
exec goods "$@"
