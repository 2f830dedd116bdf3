"""Manifests of deploy/: valid by Kubernetes' published schemas; what their pods run makes one report.

A RayCluster's schema belongs to KubeRay's operator, and no package has it: the fields that ours has are
checked here by name, and its pods by Kubernetes' own schema. No cluster is here to run them in.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.coder.people.cli.console import CODER, Console

DEPLOY = Path(__file__).parents[2] / "deploy"
VERSION = "1.33"  # the first with user namespaces for pods by default, whose /proc may then be unmasked
FOLDERS = sorted(path.parent.name for path in DEPLOY.glob("*/kustomization.yaml"))
RAY_FIELDS = {"rayVersion", "headGroupSpec", "workerGroupSpecs"}
HEAD_FIELDS = {"rayStartParams", "template"}
GROUP_FIELDS = HEAD_FIELDS | {"groupName", "replicas", "minReplicas", "maxReplicas"}


def load(folder: str, name: str) -> dict[str, Any]:
    (document,) = yaml.safe_load_all((DEPLOY / folder / name).read_text())
    assert isinstance(document, dict)
    return document


def resources(folder: str) -> dict[str, dict[str, Any]]:
    return {name: load(folder, name) for name in load(folder, "kustomization.yaml")["resources"]}


def check(document: dict[str, Any]) -> None:
    if document["kind"] != "RayCluster":
        kubernetes_validate.validate(document, VERSION, strict=True)
        return
    spec = document["spec"]
    assert document["apiVersion"] == "ray.io/v1"
    assert {*spec} == RAY_FIELDS
    assert {*spec["headGroupSpec"]} == HEAD_FIELDS
    groups = spec["workerGroupSpecs"]
    assert all({*group} == GROUP_FIELDS for group in groups)
    for group in (spec["headGroupSpec"], *groups):
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        template = {"apiVersion": "v1", "kind": "PodTemplate", "template": group["template"]}
        kubernetes_validate.validate(template, VERSION, strict=True)


def pod_specs(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "containers" in value:
            yield value
        for item in value.values():
            yield from pod_specs(item)
    elif isinstance(value, list):
        for item in value:
            yield from pod_specs(item)


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_manifest_is_valid_and_listed(folder: str) -> None:
    listed = resources(folder)

    for document in listed.values():
        check(document)
    others = {"kustomization.yaml", *load(folder, "kustomization.yaml").get("configurations", [])}
    assert {path.name for path in (DEPLOY / folder).iterdir()} == {*listed} | others


def test_a_field_that_kubernetes_does_not_have_is_found() -> None:
    job = load("shards", "shards.yaml")
    job["spec"]["completionmode"] = "Indexed"

    with pytest.raises(kubernetes_validate.ValidationError):
        check(job)


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_pod_is_root_or_holds_a_token_of_the_cluster(folder: str) -> None:
    images = {image["name"] for image in load(folder, "kustomization.yaml")["images"]}
    specs = [spec for document in resources(folder).values() for spec in pod_specs(document)]

    assert specs
    for spec in specs:
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["automountServiceAccountToken"] is False
        for container in spec["containers"]:
            assert container["image"] in images
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["securityContext"]["allowPrivilegeEscalation"] is False


def test_workers_of_ray_have_the_resource_that_actors_ask_for() -> None:
    (group,) = resources("ray")["raycluster.yaml"]["spec"]["workerGroupSpecs"]

    assert json.loads(json.loads(group["rayStartParams"]["resources"])) == {"judge": 1}


@pytest.mark.slow
def test_what_the_pods_of_the_shards_run_makes_one_report(tmp_path: Path) -> None:
    literals = load("shards", "kustomization.yaml")["configMapGenerator"][0]["literals"]
    settings = dict(literal.split("=", 1) for literal in literals)
    listed = resources("shards")
    assert int(settings["SHARDS"]) == listed["shards.yaml"]["spec"]["completions"]
    cases = [
        {"id": f"c/{i}", "prompt": f"def f{i}(n):\n", "entry_point": f"f{i}",
         "test": f"def check(candidate):\n    assert candidate(1) == {1 + i}\n",
         "canonical_solution": f"    return n + {i}\n"}
        for i in range(4)
    ]  # fmt: skip
    (tmp_path / "suite.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    environ = Console(tmp_path).environ | {
        "PATH": f"{CODER.parent}:{os.environ['PATH']}", "SUITE": str(tmp_path / "suite.jsonl"), "SHARDS": "2",
        "ARGUMENTS": "--agent oracle", "RESULTS": str(tmp_path / "results"),
    }  # fmt: skip
    for name, index in (("shards.yaml", "0"), ("shards.yaml", "1"), ("merge.yaml", "")):
        (container,) = listed[name]["spec"]["template"]["spec"]["containers"]
        command = [*container["command"], *container["args"]]
        own = environ | {"JOB_COMPLETION_INDEX": index}
        subprocess.run(command, env=own, check=True, timeout=120, capture_output=True)
    report = json.loads((tmp_path / "results" / "report.json").read_text())

    assert (report["cases"], report["outcomes"]) == (4, {"passed": 4})
