# Debian, not Alpine: the embedded PostgreSQL and Valkey are built for glibc.
# The steps are the targets of the Makefile that continuous integration runs.
FROM python:3.13-slim-trixie AS build
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends make \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/pockettrend
COPY Makefile requirements.lock ./
RUN make .venv/.ready-to-run
COPY . .
RUN make assets \
 && .venv/bin/python -m compileall -q -x '[.]venv' .

FROM python:3.13-slim-trixie
RUN groupadd --system --gid 10001 pockettrend \
 && useradd --system --uid 10001 --gid 10001 --home-dir /data --shell /usr/sbin/nologin pockettrend \
 && install -d -m 0700 -o 10001 -g 10001 /data
COPY --from=build /srv/pockettrend /srv/pockettrend
WORKDIR /srv/pockettrend
# The root may be read-only: only /data and /tmp are written.
ENV PATH=/srv/pockettrend/.venv/bin:$PATH \
    POCKETTREND_HOST=0.0.0.0 \
    POCKETTREND_PORT=8000 \
    POCKETTREND_DATA=/data \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["python", "-c", \
  "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['POCKETTREND_PORT']}/health\", timeout=2)"]
ENTRYPOINT ["pockettrend"]
CMD ["serve"]
