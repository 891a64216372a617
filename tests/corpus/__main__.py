"""Run many bad inputs and say what became of them.

PYTHONPATH=src:tests python -m corpus [--cases 10000] [--first 0] [--seed 0]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from corpus.cases import run_case


def place(error: BaseException) -> str:
    """The kind of an error and where in the project it came from."""
    frames = [
        f
        for f in traceback.extract_tb(error.__traceback__)
        if "/goods/" in f.filename or "/corpus/" in f.filename
    ]
    last = frames[-1] if frames else traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno} {' '.join(str(error).split())[:100]}"


def main() -> int:
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--cases", type=int, default=10_000)
    made.add_argument("--first", type=int, default=0)
    made.add_argument("--seed", type=int, default=0)
    args = made.parse_args()
    started, outcomes, failed, slow = time.monotonic(), Counter[str](), {}, []
    for case in range(args.first, args.first + args.cases):
        folder, begun, said = Path(tempfile.mkdtemp(prefix="corpus-")), time.monotonic(), io.StringIO()
        try:
            with contextlib.redirect_stderr(said):
                _, outcome = run_case(args.seed, case, folder)
            outcomes[
                "refused" if outcome.refusal else "read, problems noted" if outcome.notes else "read"
            ] += 1
        except Exception as error:
            failed.setdefault(place(error), []).append(case)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        slow.append((time.monotonic() - begun, case))
    for what, cases in sorted(failed.items(), key=lambda item: -len(item[1])):
        print(f"FAILED {len(cases)}: {what}; cases {cases[:5]}")
    seconds, longest = time.monotonic() - started, max(slow)
    told = ", ".join(f"{n} {what}" for what, n in outcomes.most_common())
    print(
        f"{args.cases} cases in {seconds:.0f} s, the longest {longest[0]:.1f} s (case {longest[1]}): {told}, "
        f"{sum(map(len, failed.values()))} failed"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
