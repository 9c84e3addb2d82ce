"""The graph as a pipeline of Kubeflow Pipelines 2: one container a stage, one at a time, on the workspace's volume.

python src/mlops.py export kubeflow --image IMAGE --claim CLAIM --output pipeline.py
python pipeline.py    # in an environment with kfp[kubernetes]: compiles pipeline.yaml, which Kubeflow takes
"""

from collections.abc import Sequence
from string import Template

from integrations.graph_description import Pipeline, export_graph, python_table

FILE = Template('''\
"""The stages of dvc.yaml as tasks, written by `python src/mlops.py export kubeflow`: change dvc.yaml, not this file."""

from pathlib import Path

from kfp import compiler, dsl, kubernetes

# The command of each task, and the tasks that it follows.
TASKS = $tasks


@dsl.component(base_image=$image, install_kfp_package=False)
def stage(command: str, folder: str):
    import subprocess

    subprocess.run(command, shell=True, cwd=folder, check=True)


@dsl.pipeline(name=$name)
def pipeline():
    made = {}
    for name, (command, after) in TASKS.items():
        # Kubeflow can't be told to run one at a time, and DVC locks the workspace: each follows the one before too.
        before = [made[other] for other in sorted({*after, *[*made][-1:]})]
        made[name] = stage(command=command, folder=$folder).after(*before)
        made[name].set_display_name(name).set_retry(num_retries=$retries).set_caching_options(False)
        kubernetes.mount_pvc(made[name], pvc_name=$claim, mount_path=$folder)


if __name__ == "__main__":
    compiler.Compiler().compile(pipeline, str(Path(__file__).with_suffix(".yaml")))
''')


def text(pipeline: Pipeline) -> str:
    """Return the content of the pipeline's file."""
    return FILE.substitute(
        tasks=python_table(pipeline.tasks),
        name=repr(pipeline.name),
        image=repr(pipeline.image),
        claim=repr(pipeline.claim),
        folder=repr(pipeline.folder),
        retries=pipeline.retries,
    )


def export(argv: Sequence[str]) -> None:
    """Write the pipeline's file."""
    export_graph(text, "kubeflow", argv, kubernetes=True)
