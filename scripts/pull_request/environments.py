"""What a deployment's job finds in its environment on GitHub: credentials, and somebody who must agree."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

from scripts.pull_request.github import Api, Refused

KUBECONFIG = "KUBECONFIG_CONTENT"
TOKEN, BACKEND, PASSPHRASE = "PULUMI_ACCESS_TOKEN", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE"


def credentials(stack: str, environment: Mapping[str, str], say: Callable[[str], None], program: Path) -> bool:
    """Whether the job has what Pulumi needs; then the kubeconfig is in a file that only its user can read.

    Sets the step's outputs `ready` and `kubeconfig`. What is missing is a notice, by the name of the setting.

    Args:
        stack: the stack, for the notice.
        environment: with `KUBECONFIG_CONTENT`, `PULUMI_ACCESS_TOKEN` or `PULUMI_BACKEND_URL`, for the latter
            `PULUMI_CONFIG_PASSPHRASE`, and the runner's `GITHUB_OUTPUT` and `RUNNER_TEMP`.
        say: prints a line; GitHub reads commands from it.
        program: the folder with the stack's file.

    Raises:
        Refused: the runner's own settings are missing.
    """
    folder, output = environment.get("RUNNER_TEMP"), environment.get("GITHUB_OUTPUT")
    if not folder or not output:
        raise Refused("RUNNER_TEMP, GITHUB_OUTPUT: not set; this runs in a workflow")
    missing = [] if environment.get(KUBECONFIG) else ["the secret KUBECONFIG"]
    if not environment.get(TOKEN) and not environment.get(BACKEND):
        missing.append(f"the secret {TOKEN} or the variable {BACKEND}")
    elif environment.get(BACKEND) and not environment.get(PASSPHRASE) and _takes_a_passphrase(stack, program):
        # Without one a new stack would be encrypted with the empty one.
        missing.append(f"the secret {PASSPHRASE}")
    outputs = ["ready=false"]
    if missing:
        # The stack's name is the workflow's own word; still, no line of it becomes a command of its own.
        say(f"::notice::{' '.join(stack.split())}: nothing done, its environment lacks {' and '.join(missing)}")
    else:
        file = Path(folder) / "kubeconfig"
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            out.write(environment[KUBECONFIG])
        outputs = ["ready=true", f"kubeconfig={file}"]
    with Path(output).open("a", encoding="utf-8") as out:
        out.write("".join(f"{line}\n" for line in outputs))
    return not missing


def _takes_a_passphrase(stack: str, program: Path) -> bool:
    """Whether a state of one's own is encrypted with a passphrase: unless the stack's file names another provider."""
    file = program / f"Pulumi.{stack}.yaml"
    text = file.read_text("utf-8") if file.is_file() else ""
    return not re.search(r"^secretsprovider:\s*[\"']?(?!passphrase)\w", text, re.MULTILINE)


def check_protected(api: Api, environment: str) -> None:
    """See that somebody must agree before a job of that environment starts.

    Raises:
        Refused: nobody must, or the API doesn't tell: a job that can't know doesn't deploy.
    """
    rules = api.get(f"/environments/{quote(environment, safe='')}").get("protection_rules") or []
    asked = [rule for rule in rules if rule.get("type") == "required_reviewers" and rule.get("reviewers")]
    if not asked:
        raise Refused(
            f"the environment {environment} has no required reviewers, so nothing is deployed to it: add them in the "
            "repository's settings (Environments), or remove this check from the workflow"
        )
