"""The files to deploy with: their own linters, and what they must share with the service."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

import server
from kg.sparql.pool import PoolSettings
from tests.attacking import ROOT, Answer, exchange, request
from tests.replicas import CONFIGURATION, NGINX, Nginx, Replica
from web.gateway import BODY_SECONDS, MAX_BODY, MAX_URL

DOCKERFILE = ROOT / "Dockerfile"
DEPLOY = ROOT / "deploy"
COMPOSE = sorted(DEPLOY.glob("compose*.yaml"))
UNIT = DEPLOY / "etiograph.service"
SYSTEMD_ANALYZE = shutil.which("systemd-analyze")
UNITS = {"k": 1024, "m": 1024**2, "g": 1024**3}
PAGES = (
    "/",
    "/ask?q=calf+cramps",
    "/page/Calf",
    "/docs",
    "/overview",
    "/openapi.json",
    "/api/v1/queries/symptoms_of?condition=claudication",
    "/static/style.css",
    "/sparql?query=ASK+{}",
)
BASE = 500
"""MB that a service holds with no query running: index, graph and what it was forked from."""


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)


def tool(name: str) -> Path:
    """A program that a package has put beside this Python."""
    return Path(sys.executable).with_name(name)


def bytes_of(size: str) -> int:
    """What 20k, 512m or 3g is."""
    return int(size[:-1]) * UNITS[size[-1].lower()]


def compose_validator() -> Draft7Validator:
    """The schema of the Compose specification, which a package carries; nothing of it is run."""
    package = importlib.util.find_spec("check_jsonschema")
    assert package is not None
    assert package.origin is not None
    schema = Path(package.origin).parent / "builtin_schemas" / "vendor" / "compose-spec.json"
    return Draft7Validator(json.loads(schema.read_text(encoding="utf-8")))


def directive(name: str) -> list[str]:
    """The values that nginx.conf gives a directive, in its order."""
    text = CONFIGURATION.read_text(encoding="utf-8")
    return re.findall(rf"^\s*{name}\s+([^;]+);", text, re.MULTILINE)


def seconds(name: str) -> list[int]:
    return [int(value.removesuffix("s")) for value in directive(name)]


def services(path: Path) -> dict[str, Any]:
    """The services of a compose file, aliases resolved."""
    return dict(yaml.safe_load(path.read_text(encoding="utf-8"))["services"])


def serving(path: Path) -> list[dict[str, Any]]:
    """Those of them that serve."""
    return [one for one in services(path).values() if one["image"].startswith("etiograph:")]


# -- linters -------------------------------------------------------------------------------


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    ran = run(tool("hadolint"), "--no-color", DOCKERFILE)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_compose_files_follow_the_specification(path: Path) -> None:
    problems = compose_validator().iter_errors(yaml.safe_load(path.read_text(encoding="utf-8")))
    assert [f"{problem.json_path}: {problem.message}" for problem in problems] == []


def test_gixy_finds_nothing_in_the_configuration_of_nginx() -> None:
    ran = run(tool("gixy"), "--disable-includes", CONFIGURATION)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
def test_nginx_takes_its_configuration(tmp_path: Path) -> None:
    nginx = Nginx([Replica(tmp_path, tmp_path) for _ in range(3)], tmp_path)
    ran = run(*nginx.command("-t"))
    assert ran.returncode == 0, ran.stderr
    assert "warn" not in ran.stderr


@pytest.mark.skipif(SYSTEMD_ANALYZE is None, reason="systemd is not installed")
def test_systemd_takes_the_unit_and_finds_it_hardened(tmp_path: Path) -> None:
    assert SYSTEMD_ANALYZE is not None
    unit = tmp_path / UNIT.name
    text = UNIT.read_text(encoding="utf-8")
    unit.write_text(text.replace("/opt/etiograph/.venv/bin/python", sys.executable))
    verified = run(SYSTEMD_ANALYZE, "verify", "--man=no", unit)
    assert (verified.returncode, verified.stderr) == (0, "")
    hardened = run(SYSTEMD_ANALYZE, "security", "--offline=yes", "--threshold=30", unit)
    assert hardened.returncode == 0, hardened.stdout[-200:]


# -- what they have in common with the service -----------------------------------------------


def test_every_setting_that_is_named_exists() -> None:
    known = {setting.name for setting in server.SETTINGS}
    for path in (DOCKERFILE, *DEPLOY.iterdir()):
        named = set(re.findall(r"\bETIOGRAPH_[A-Z_]+\b", path.read_text(encoding="utf-8")))
        assert named <= known, path.name


def test_all_that_the_dockerfile_copies_exists_and_is_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for name in copied(DOCKERFILE.read_text(encoding="utf-8")):
        assert (ROOT / name).exists(), name
        assert f"!{name.partition('/')[0]}" in ignored, name
        assert name not in ignored


def test_limits_of_nginx_are_those_of_the_service() -> None:
    assert bytes_of(*directive("client_max_body_size")) == MAX_BODY
    assert bytes_of(*directive("client_body_buffer_size")) == MAX_BODY
    assert seconds("client_body_timeout") == [BODY_SECONDS]
    assert str(MAX_BODY) in CONFIGURATION.read_text(encoding="utf-8")
    number, size = directive("large_client_header_buffers")[0].split()
    assert bytes_of(size) > MAX_URL + len("OPTIONS  HTTP/1.1")
    read = re.search(r"max_buffer_size=([\d_]+)", Path(server.__file__).read_text(encoding="utf-8"))
    assert read is not None
    assert int(number) * bytes_of(size) < int(read[1])
    pool = PoolSettings()
    assert pool.timeout + pool.shares.wait < seconds("proxy_read_timeout")[0]
    assert bytes_of(*directive("proxy_max_temp_file_size")) > pool.max_bytes


def test_nginx_has_every_replica_of_the_compose_file() -> None:
    found = services(DEPLOY / "compose.replicas.yaml")
    replicas = [name for name in found if name.startswith("replica-")]
    upstreams = [value.split()[0] for value in directive("server") if ":" in value.split()[0]]
    assert upstreams == [f"{name}:8000" for name in replicas]
    addresses = [found[name]["networks"]["inside"]["ipv4_address"] for name in replicas]
    hosts = [f"{name}:{address}" for name, address in zip(replicas, addresses, strict=True)]
    assert found["gateway"]["extra_hosts"] == hosts


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_every_container_is_confined(path: Path) -> None:
    for name, service in services(path).items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert service["mem_limit"], name


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_a_container_holds_all_queries_at_their_limit(path: Path) -> None:
    for service in serving(path):
        settings = service["environment"]
        queries = int(settings["ETIOGRAPH_QUERY_WORKERS"]) * int(settings["ETIOGRAPH_QUERY_MEMORY"])
        files = re.search(r"size=(\w+)", service["tmpfs"][0])
        assert files is not None
        needed = (BASE + queries) * UNITS["m"] + bytes_of(files[1])
        assert needed <= bytes_of(service["mem_limit"])


def test_services_are_given_the_time_to_finish_requests() -> None:
    graces = [one["stop_grace_period"] for path in COMPOSE for one in serving(path)]
    stop = re.search(r"^TimeoutStopSec=(\d+)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)
    assert stop is not None
    assert all(int(grace.removesuffix("s")) > server.STOP_SECONDS for grace in (*graces, stop[1]))


def test_only_behind_nginx_a_proxy_is_trusted() -> None:
    single, replicas = (
        serving(DEPLOY / name) for name in ("compose.yaml", "compose.replicas.yaml")
    )
    assert len(replicas) == 3
    assert all(one["environment"]["ETIOGRAPH_PROXIES"] == "1" for one in replicas)
    assert all("ETIOGRAPH_PROXIES" not in one["environment"] for one in single)


# -- what is in the image ---------------------------------------------------------------------


def copied(stages: str) -> list[str]:
    """What COPY takes from the checkout in part of a Dockerfile."""
    lines = re.findall(r"^COPY (?!--)(.+)$", stages, re.MULTILINE)
    return [name for line in lines for name in line.split()[:-1]]


@pytest.mark.service
def test_what_the_image_has_is_enough_to_serve(tmp_path: Path, small_build: Path) -> None:
    text = DOCKERFILE.read_text(encoding="utf-8")
    left_out = re.search(r"grep -vE '\^\(([^)]+)\)==' requirements.txt", text)
    assert left_out is not None
    image, absent = tmp_path / "app", tmp_path / "absent"
    for name in copied(text.partition(" AS service\n")[2]):
        place(ROOT / name, image / name)
    absent.mkdir()
    for module in left_out[1].split("|"):
        assert importlib.util.find_spec(module), f"{module} is no module, so this proves nothing"
        (absent / f"{module}.py").write_text("raise ImportError('it is not in the image')")
    service = Replica(small_build, tmp_path, image, PYTHONPATH=absent)
    service.start()
    try:
        service.wait()
        for path in PAGES:
            assert page(service.port, path).status == 200, path
    finally:
        service.close()


def page(port: int, path: str) -> Answer:
    """What a browser is given."""
    return exchange(port, request("GET", path, {"accept": "text/html, */*"}), "127.0.0.1", 30)


def place(source: Path, target: Path) -> None:
    """Copy a file or a folder, as .dockerignore lets it."""
    if source.is_dir():
        ignore = shutil.ignore_patterns("node_modules", "vendor", "__pycache__")
        shutil.copytree(source, target, ignore=ignore)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
