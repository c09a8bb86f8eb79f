"""Break the code on purpose and see a test turn red each time.

Each mutant is one small fault that gives silently wrong numbers. It is planted in a copy of the
package, the named tests are run against that copy, and they must fail. Before that, the same tests
must pass on an unchanged copy, so that a red test means the fault was seen.

Usage: python tests/mutate.py
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
WORKERS = 2  # each a process of one thread


@dataclass(frozen=True)
class Mutant:
    """One fault: a file, the text to replace, what to put there, the tests that must see it."""

    name: str
    path: str
    old: str
    new: str
    tests: str


MUTANTS = (
    Mutant(
        "what another process is writing is swept away",
        "files.py",
        "fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "pass",
        "tests/unit/test_files.py",
    ),
    Mutant(
        "what a killed process left of a scratch folder stays",
        "files.py",
        "        _remove_unless_held(left)\n    made",
        "        pass\n    made",
        "tests/unit/test_files.py",
    ),
    Mutant(
        "marks that turn text round reach the terminal",
        "visible.py",
        r"\u202a-\u202e",
        "",
        "tests/trust/test_hostile_text.py",
    ),
    Mutant(
        "a record's table in a notebook hides marks",
        "records.py",
        "return escaped(",
        "return str(",
        "tests/trust/test_hostile_text.py",
    ),
    Mutant(
        "half an image is put into place",
        "figures/bundle.py",
        " or not drawn.read_bytes().rstrip().endswith(end)",
        "",
        "tests/unit/test_bundles.py",
    ),
    Mutant(
        "a Ctrl-C that Python drops is lost",
        "interrupts.py",
        "again.start()",
        "pass",
        "tests/unit/test_ctrl_c.py",
    ),
    Mutant(
        "a column of a frame named by its field alone",
        "records.py",
        'own = name if name and key == "value" else f"{name}_{key}" if name else str(key)',
        "own = str(key)",
        "tests/unit/test_records.py",
    ),
    Mutant(
        "a claim is supported by the upper end of its interval",
        "experiment/claim_card.py",
        "if effect.low > 0 and",
        "if effect.high > 0 and",
        "tests/end_to_end/test_claims.py",
    ),
    Mutant(
        "a curve's vector is made of its first example only",
        "experiment/curves.py",
        "for e in chosen])\n",
        "for e in chosen[:1]])\n",
        "tests/end_to_end/test_claims.py",
    ),
    Mutant(
        "the null's cosine is added, not subtracted",
        "analysis/cosines/measure.py",
        "excess, spread = plain.pairs - null.pairs,",
        "excess, spread = plain.pairs + null.pairs,",
        "tests/unit/test_cosine_matrices.py",
    ),
    Mutant(
        "percentiles of cosines are not expanded for few examples",
        "analysis/cosines/measure.py",
        "tail = expanded_tail(min(tasks))",
        "tail = (1 - LEVEL) / 2",
        "tests/unit/test_cosine_matrices.py",
    ),
    Mutant(
        "translations of a query stand on both sides of a split",
        "diagnosis/queries.py",
        '("id", query.id), ',
        "",
        "tests/unit/test_queries.py",
    ),
    Mutant(
        "what tasks differ in counts as a group's",
        "analysis/shares.py",
        "states[place] -= states[place].mean(axis=0)",
        "states[place] -= states.mean(axis=0)",
        "tests/unit/test_shares.py",
    ),
    Mutant(
        "noise of the mean counts as part of the vector",
        "analysis/mixture.py",
        "(pairs - itself) / number[:, None]",
        "pairs / number[:, None]",
        "tests/unit/test_mixture.py",
    ),
    Mutant(
        "states separated along a direction they made themselves",
        "analysis/agreement.py",
        "(differences.sum(axis=0) - differences) / (len(a) - 1)",
        "differences.mean(axis=0, keepdims=True).repeat(len(a), axis=0)",
        "tests/unit/test_agreement.py",
    ),
    Mutant(
        "break-even one query too early",
        "experiment/flops.py",
        "return math.floor(once / (other - each)) + 1",
        "return math.floor(once / (other - each))",
        "tests/unit/test_flops.py",
    ),
    Mutant(
        "class numbers of a hub data set off by one",
        "tasks/hub_rows.py",
        "return names[value]",
        "return names[value - 1]",
        "tests/unit/test_hub_tasks.py",
    ),
    Mutant(
        "hub rows repeated in two splits",
        "tasks/hub.py",
        "if example.input not in seen:",
        "if example.input:",
        "tests/unit/test_hub_tasks.py",
    ),
    Mutant(
        "sign of the injection flipped",
        "steer/injection.py",
        "new = kept + added",
        "new = kept - added",
        "tests/contract/test_injection.py",
    ),
    Mutant(
        "attention mask dropped",
        "model/forward.py",
        "attention_mask=batch.mask.long(), return_type",
        "attention_mask=torch.ones_like(batch.ids), return_type",
        "tests/contract/test_cache_and_padding.py",
    ),
    Mutant(
        "block off by one",
        "model/lens.py",
        'return f"blocks.{layer}.hook_resid_post"',
        'return f"blocks.{min(layer + 1, self.n_layers - 1)}.hook_resid_post"',
        "tests/contract/test_parity.py",
    ),
    Mutant(
        "few and zero swapped",
        "steer/states.py",
        "few.values - zero.values",
        "zero.values - few.values",
        "tests/test_planted.py",
    ),
    Mutant(
        "prompts padded on the wrong side",
        "model/stems.py",
        'return read.select(chosen), pad_rows(rests, self.lens.pad_id, side="left")',
        "return read.select(chosen), pad_rows(rests, self.lens.pad_id)",
        "tests/contract/test_forward_tokens.py",
    ),
    Mutant(
        "a row continues another row's beginning",
        "model/stems.py",
        "at[self.rows[i][: shared[i]]] for i in indices",
        "0 for i in indices",
        "tests/contract/test_forward_tokens.py",
    ),
    Mutant(
        "variants in one pass see one another",
        "model/branches.py",
        "hidden = torch.finfo(mask.dtype).min",
        "hidden = 0.0",
        "tests/contract/test_cache_and_padding.py",
    ),
    Mutant(
        "a pass goes on from what the block before put out",
        "model/resume.py",
        "zip(below, outputs[:layer], strict=True)",
        "zip(below, outputs[1 : layer + 1], strict=True)",
        "tests/contract/test_resume.py",
    ),
    Mutant(
        "prompts to continue padded on the wrong side",
        "score/generation.py",
        'lens.pad_id, side="left")',
        "lens.pad_id)",
        "tests/contract/test_generation.py",
    ),
    Mutant(
        "state read one token too early",
        "steer/residual.py",
        "states[:, offset].float()",
        "states[:, offset - 1].float()",
        "tests/contract/test_parity.py",
    ),
    Mutant(
        "last answer token not counted",
        "score/plan.py",
        "return Likelihood(float(chosen.double().sum())",
        "return Likelihood(float(chosen[:-1].double().sum())",
        "tests/unit/test_plan.py",
    ),
    Mutant(
        "a second BOS",
        "model/tokens.py",
        "return ids if ids[: len(specials)] == specials else specials + ids",
        "return specials + ids",
        "tests/unit/test_tokens.py",
    ),
    Mutant(
        "the query among its demonstrations",
        "prompts/demonstrations.py",
        "if e.id != query.id and e.input != query.input",
        "if e.id",
        "tests/unit/test_prompts.py",
    ),
    Mutant(
        "site chosen on the worst cell",
        "experiment/search.py",
        "best = max(range(len(grid))",
        "best = min(range(len(grid))",
        "tests/end_to_end/test_experiment.py",
    ),
    Mutant(
        "a hook that never fired passes for a null result",
        "model/hooks.py",
        "    if silent:\n",
        "    if False:\n",
        "tests/contract/test_refusals_and_hooks.py",
    ),
    Mutant(
        "a repetition names the smallest difference",
        "experiment/differences.py",
        "worst = max(apart,",
        "worst = min(apart,",
        "tests/trust/test_repeat.py",
    ),
    Mutant(
        "a vector of another model accepted",
        "steer/identity.py",
        "if getattr(self, name) != getattr(other, name)",
        "if False",
        "tests/unit/test_vectors.py",
    ),
)


def _run_tests(package_parent: Path, tests: str) -> bool:
    """Whether the tests pass against the package below `package_parent`."""
    environment = os.environ | {"PYTHONPATH": str(package_parent), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-m", "not real", *tests.split()]
    command += ["-p", "no:cacheprovider", "--rootdir", str(package_parent)]
    done = subprocess.run(
        command, cwd=package_parent, env=environment, capture_output=True, text=True, check=False
    )
    if "ModuleNotFoundError" in done.stdout or done.returncode not in {0, 1}:
        raise RuntimeError(done.stdout + done.stderr)
    return done.returncode == 0


def _copy(place: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "cast_lens", place / "cast_lens", ignore=ignored)
    shutil.copytree(ROOT / "tests", place / "tests", ignore=ignored)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, place / name)


def _is_seen(mutant: Mutant) -> bool:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        _copy(place)
        path = place / "cast_lens" / mutant.path
        text = path.read_text(encoding="utf-8")
        if text.count(mutant.old) != 1:
            raise RuntimeError(f"{mutant.name}: {mutant.old!r} stands not once in {mutant.path}")
        path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
        return not _run_tests(place, mutant.tests)


def main() -> int:
    """Run every mutant; 0 when each was seen."""
    with tempfile.TemporaryDirectory() as name:
        _copy(Path(name))
        used = " ".join(sorted({mutant.tests for mutant in MUTANTS}))
        if not _run_tests(Path(name), used):
            print("the tests fail on the unchanged code: mend that first")
            return 1
    missed = []
    with ThreadPoolExecutor(WORKERS) as pool:
        for mutant, seen in zip(MUTANTS, pool.map(_is_seen, MUTANTS), strict=True):
            print(f"{'seen' if seen else 'MISSED'}  {mutant.name}", flush=True)
            missed += [] if seen else [mutant.name]
    print(f"{len(MUTANTS) - len(missed)} of {len(MUTANTS)} faults seen")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
