"""The files in deploy/ agree with each other and with the service that they start."""

from __future__ import annotations

import argparse
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from renzheng.apps.cli import build_parser

yaml = pytest.importorskip("yaml", reason="needs PyYAML to read the files")

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
PORT = 8000
KEYS = "/run/renzheng/keys"


def _instructions() -> list[tuple[str, str]]:
    """Of the Dockerfile's last stage, which is the image."""
    text = (DEPLOY / "Dockerfile").read_text()
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    found = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
    last = max(k for k, (word, *_) in enumerate(found) if word == "FROM")
    return [(word, rest) for word, rest in found[last:]]


def _instruction(word: str) -> str:
    (rest,) = (rest for name, rest in _instructions() if name == word)
    return rest


def _unit() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / "renzheng.service").read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def _compose() -> dict[str, Any]:
    (service,) = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"].values()
    return service  # type: ignore[no-any-return]


def _manifests() -> dict[str, dict[str, Any]]:
    documents = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
    return {each["kind"]: each for each in documents}


def _pod() -> dict[str, Any]:
    return _manifests()["Deployment"]["spec"]["template"]["spec"]  # type: ignore[no-any-return]


def _commands() -> dict[str, list[str]]:
    """The command line of each way to start the service, without the program's name."""
    return {
        "Dockerfile": json.loads(_instruction("CMD")),
        "compose.yaml": _compose()["command"],
        "renzheng.service": shlex.split(_unit()["ExecStart"][0])[1:],
        "kubernetes.yaml": _pod()["containers"][0]["args"],
    }


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    pytest.importorskip("renzheng.apps.service", reason="needs the service")
    return build_parser()


@pytest.mark.parametrize(
    "name", ["Dockerfile", "compose.yaml", "renzheng.service", "kubernetes.yaml"]
)
def test_the_command_is_one_that_renzheng_has(name: str, parser: argparse.ArgumentParser) -> None:
    options = parser.parse_args(_commands()[name])
    assert options.run.__name__ == "_serve"
    assert options.port == PORT
    assert options.keys is not None
    assert options.workers == 2


def test_inside_a_container_it_listens_to_others_and_on_a_machine_to_itself() -> None:
    hosts = {name: words[words.index("--host") + 1] for name, words in _commands().items()}
    assert hosts.pop("renzheng.service") == "127.0.0.1"
    assert set(hosts.values()) == {"0.0.0.0"}


def test_the_ports_are_one() -> None:
    assert _instruction("EXPOSE") == str(PORT)
    assert f"'127.0.0.1', {PORT}" in _instruction("HEALTHCHECK")
    assert _compose()["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]
    (container,) = _pod()["containers"]
    (port,) = container["ports"]
    assert port["containerPort"] == PORT
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["port"] == port["name"]
    assert _manifests()["Service"]["spec"]["ports"][0]["targetPort"] == port["name"]


def test_the_keys_are_where_the_command_looks_for_them() -> None:
    assert json.loads(_instruction("CMD"))[-1] == KEYS
    (volume,) = _compose()["volumes"]
    assert volume["target"] == str(Path(KEYS).parent)
    assert volume["read_only"]
    mounts = {mount["name"]: mount for mount in _pod()["containers"][0]["volumeMounts"]}
    assert mounts["keys"]["mountPath"] == str(Path(KEYS).parent)
    assert _unit()["LoadCredential"][0].split(":")[0] == "keys"


def test_nobody_is_root_and_nothing_is_written_to() -> None:
    user = _instruction("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    pod, (container,) = _pod(), _pod()["containers"]
    assert f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}" == user
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert not container["securityContext"]["allowPrivilegeEscalation"]
    compose = _compose()
    assert compose["read_only"]
    assert compose["cap_drop"] == ["ALL"]
    assert compose["security_opt"] == ["no-new-privileges:true"]
    unit = _unit()
    assert unit["DynamicUser"] == unit["NoNewPrivileges"] == unit["PrivateTmp"] == ["yes"]
    assert unit["ProtectSystem"] == ["strict"]


def test_it_is_given_as_long_to_end_as_it_may_take() -> None:
    pytest.importorskip("renzheng.apps.service", reason="needs the service")
    from renzheng.apps.service import Settings

    longest = Settings().longest
    seconds = {
        "compose.yaml": _compose()["stop_grace_period"].removesuffix("s"),
        "renzheng.service": _unit()["TimeoutStopSec"][0],
        "kubernetes.yaml": _pod()["terminationGracePeriodSeconds"],
    }
    for name, value in seconds.items():
        assert float(value) > longest + 10, name


def test_probes_ask_for_what_there_is() -> None:
    pytest.importorskip("renzheng.apps.service", reason="needs the service")
    from renzheng.apps.service import Settings, create_app

    app = create_app(Settings(workers=1))
    paths = {getattr(route, "path", None) for route in app.routes}
    container = _pod()["containers"][0]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = container[probe]["httpGet"]
        assert asked["path"] in paths
        (header,) = asked["httpHeaders"]
        assert (header["name"], header["value"]) == ("Host", "localhost")
    assert "'/healthz'" in _instruction("HEALTHCHECK")


def test_the_image_holds_what_the_build_reads_and_no_more() -> None:
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    rules = [line for line in ignore if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {line.removeprefix("!") for line in rules if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    sources = {source for line in copied for source in line.split()[:-1]}
    assert sources == allowed
    assert all((DEPLOY.parent / source).exists() for source in sources)


def test_the_autoscaler_scales_the_deployment() -> None:
    manifests = _manifests()
    target = manifests["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    deployment = manifests["Deployment"]
    assert (target["kind"], target["name"]) == ("Deployment", deployment["metadata"]["name"])
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert manifests["Service"]["spec"]["selector"] == labels
    assert manifests["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
