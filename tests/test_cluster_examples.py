"""The cluster examples of docs/: valid files whose commands this version accepts."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from cai_keras.cli.main import app
from cai_keras.cli.papers import find_paper

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
SLURM = EXAMPLES / "slurm.sh"
TFJOB = EXAMPLES / "kubernetes-tfjob.yaml"
JOB = EXAMPLES / "kubernetes-job.yaml"


def parsed(words):
    """The options of a `cai train` command line; an unknown one raises."""
    assert words[:2] == ["cai", "train"]
    command = get_command(app).commands["train"]
    return command.make_context("train", list(words[2:])).params


def slurm_command():
    (line,) = re.findall(r"srun (cai .*?)\n(?!\s+-)", joined(SLURM.read_text()))
    return shlex.split(line)


def joined(text):
    return re.sub(r"\\\n\s*", "", text)


def tfjob_container():
    document = yaml.safe_load(TFJOB.read_text())
    (container,) = document["spec"]["tfReplicaSpecs"]["Worker"]["template"]["spec"][
        "containers"
    ]
    return container


def job_documents():
    return list(yaml.safe_load_all(JOB.read_text()))


def job_script():
    (container,) = job_documents()[1]["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["bash", "-c"]
    return container["args"][0]


def commands():
    (line,) = re.findall(r"exec (cai .*)", joined(job_script()))
    return {
        "slurm": slurm_command(),
        "tfjob": tfjob_container()["command"],
        "job": shlex.split(line),
    }


@pytest.mark.parametrize("name", ["slurm", "tfjob", "job"])
def test_the_command_is_one_that_cai_accepts(name):
    options = parsed(commands()[name])
    (slug,) = options["slugs"]
    sets = options["sets"] or []
    recipe = find_paper(slug).recipe(
        options["scale"], options["variant"][0], None, sets
    )
    assert options["strategy"] == "multiworker"
    assert options["resume"]
    assert recipe.train.cluster == ("slurm" if name == "slurm" else "auto")


def test_a_command_with_an_unknown_option_is_noticed():
    with pytest.raises(Exception, match="No such option"):
        parsed(["cai", "train", "siamese_one_shot", "--resum"])


def test_the_slurm_script_is_bash_and_its_directives_are_slurms():
    subprocess.run(["bash", "-n", SLURM], check=True)
    lines = SLURM.read_text().splitlines()
    directives = [line for line in lines if line.startswith("#SBATCH")]
    # Options of sbatch's manual page; one after the first command would be ignored.
    known = {
        "job-name", "nodes", "ntasks-per-node", "gpus-per-node", "cpus-per-task",
        "time", "signal", "requeue", "output",
    }  # fmt: skip
    assert {re.match(r"#SBATCH --([a-z-]+)", d)[1] for d in directives} == known
    first_command = next(i for i, line in enumerate(lines) if line[:1] not in "#")
    assert max(lines.index(d) for d in directives) < first_command
    assert lines[0] == "#!/usr/bin/env bash"


def test_the_tfjob_has_what_its_schema_requires():
    document = yaml.safe_load(TFJOB.read_text())
    assert document["apiVersion"] == "kubeflow.org/v1"
    assert document["kind"] == "TFJob"
    assert set(document["spec"]) == {"runPolicy", "tfReplicaSpecs"}
    assert document["spec"]["runPolicy"]["cleanPodPolicy"] in {"All", "Running", "None"}
    worker = document["spec"]["tfReplicaSpecs"]["Worker"]
    assert set(worker) == {"replicas", "restartPolicy", "template"}
    assert worker["restartPolicy"] in {"Always", "OnFailure", "Never", "ExitCode"}
    # The operator sets TF_CONFIG in the container of this name only.
    assert tfjob_container()["name"] == "tensorflow"


def test_the_jobs_service_and_pods_have_one_name():
    service, job = job_documents()
    name = job["metadata"]["name"]
    assert (service["apiVersion"], service["kind"]) == ("v1", "Service")
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    assert service["metadata"]["name"] == name
    assert job["spec"]["template"]["spec"]["subdomain"] == name
    # Kubernetes labels a Job's pods with its name.
    assert service["spec"]["selector"] == {"job-name": name}
    assert service["spec"]["clusterIP"] == "None"  # the word: headless
    assert job["spec"]["completions"] == job["spec"]["parallelism"]
    assert job["spec"]["completionMode"] == "Indexed"


@pytest.mark.parametrize("index", [0, 1])
def test_the_jobs_script_gives_each_pod_its_tf_config(index):
    script = job_script().partition("exec ")[0] + 'printf "%s" "$TF_CONFIG"'
    result = subprocess.run(
        ["bash", "-c", script], env={"JOB_COMPLETION_INDEX": str(index)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    config = json.loads(result.stdout)
    assert config["task"] == {"type": "worker", "index": index}
    addresses = config["cluster"]["worker"]
    completions = job_documents()[1]["spec"]["completions"]
    assert addresses == [f"cai-train-{i}.cai-train:2222" for i in range(completions)]


@pytest.mark.parametrize("path", [TFJOB, JOB], ids=lambda p: p.name)
def test_every_volume_that_is_mounted_exists(path):
    document = list(yaml.safe_load_all(path.read_text()))[-1]
    spec = document["spec"]
    template = spec.get("template") or spec["tfReplicaSpecs"]["Worker"]["template"]
    volumes = {volume["name"] for volume in template["spec"]["volumes"]}
    (container,) = template["spec"]["containers"]
    assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
