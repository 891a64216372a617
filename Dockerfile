# On a CPU, text without neural networks; all of it with --build-arg EXTRAS="[networks]".
#   docker build -t goods .
#   docker run -v "$PWD:/data" -e GOODS_EXPERIMENT=stack-light goods predict test.parquet
#   docker run -v "$PWD:/data" goods run kazanexpress2023 --data files --preset light
FROM python:3.11-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/goods
COPY pyproject.toml MANIFEST.in README.md LICENSE requirements.txt ./
COPY configs configs
COPY scripts scripts
COPY src src
ARG EXTRAS=""
RUN pip install --no-cache-dir --constraint requirements.txt ".${EXTRAS}"
WORKDIR /data
ENTRYPOINT ["bash", "/opt/goods/scripts/container.sh"]
CMD ["--help"]
