# Debian, not Alpine: the embedded PostgreSQL and Valkey are built for glibc.
FROM python:3.13-slim AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends make \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/pockettrend
COPY Makefile requirements.lock ./
RUN make .venv/.ready-to-run
COPY . .
RUN make assets \
 && .venv/bin/python -m compileall -q app.py cli.py settings.py graph models resolvers rest_compat

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin pockettrend \
 && install -d -m 0700 -o pockettrend -g pockettrend /data
COPY --from=build /srv/pockettrend /srv/pockettrend
WORKDIR /srv/pockettrend
ENV POCKETTREND_HOST=0.0.0.0 \
    POCKETTREND_PORT=8000 \
    POCKETTREND_DATA=/data \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER pockettrend
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD [".venv/bin/python", "-c", \
  "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['POCKETTREND_PORT']}/health\", timeout=2)"]
ENTRYPOINT [".venv/bin/python", "-m", "cli"]
CMD ["serve"]
