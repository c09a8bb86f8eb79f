"""Judge a task folder: faults, and what would make its results hard to trust."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from cast_lens.tasks.reader import Finding, Scan, scan_task
from cast_lens.tasks.task import SPLITS

LONG_INPUT_CHARACTERS = 4000  # about 1,000 tokens of English
SKEW = 1.5  # the commonest label may be this many times its fair share


@dataclass(frozen=True)
class BagOfWords:
    """What word counts alone reach.

    Attributes:
        accuracy: of naive Bayes on word counts, 5-fold over all items.
        chance: share of the commonest label.
        n: items.
    """

    accuracy: float
    chance: float
    n: int


@dataclass(frozen=True)
class TaskReport:
    """All that `tasks check` says about one folder."""

    name: str
    folder: Path
    counts: dict[str, int]
    labels: dict[str, int]
    findings: tuple[Finding, ...]
    bag_of_words: BagOfWords | None

    @property
    def usable(self) -> bool:
        """Whether no finding is fatal."""
        return not any(finding.fatal for finding in self.findings)


def check_task(folder: Path) -> TaskReport:
    """Scan a folder for faults, skewed labels and long items, and run the word-count baseline."""
    scan = scan_task(folder)
    findings = (*scan.findings, *_long_items(scan), *_skewed_splits(scan))
    closed = scan.card is not None and bool(scan.card.labels)
    return TaskReport(
        name=scan.card.name if scan.card else folder.name,
        folder=folder,
        counts={s: sum(item.split == s for item in scan.items) for s in SPLITS},
        labels=dict(Counter(i.example.label for i in scan.items)) if closed else {},
        findings=findings,
        bag_of_words=bag_of_words(scan) if closed else None,
    )


def _long_items(scan: Scan) -> list[Finding]:
    return [
        Finding(
            item.path,
            item.line,
            "over-long item",
            f"{len(item.example.input)} characters (more than {LONG_INPUT_CHARACTERS})",
            fatal=False,
        )
        for item in scan.items
        if len(item.example.input) > LONG_INPUT_CHARACTERS
    ]


def _skewed_splits(scan: Scan) -> list[Finding]:
    if scan.card is None or not scan.card.labels:
        return []
    findings = []
    for split in SPLITS:
        labels = Counter(item.example.label for item in scan.items if item.split == split)
        total = sum(labels.values())
        label, count = labels.most_common(1)[0] if labels else ("", 0)
        if total and count / total > SKEW / len(scan.card.labels):
            message = f"{count} of {total} items are {label!r}"
            path = scan.folder / f"{split}.jsonl"
            findings.append(Finding(path, 0, "skewed labels", message, fatal=False))
    return findings


def bag_of_words(scan: Scan) -> BagOfWords | None:
    """Accuracy of word counts alone; None when a label has fewer than five items."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    texts = [item.example.input for item in scan.items]
    labels = [item.example.label for item in scan.items]
    counts = Counter(labels)
    if len(counts) < 2 or min(counts.values()) < 5:
        return None
    folds = StratifiedKFold(n_splits=5, shuffle=True, random_state=0)
    counter = CountVectorizer(token_pattern=r"\w+")  # noqa: S106 - a pattern, not a password
    words = make_pipeline(counter, MultinomialNB())
    try:
        scores = cross_val_score(words, texts, labels, cv=folds, error_score="raise")
    except ValueError:  # a fold without a single word
        return None
    chance = max(counts.values()) / len(labels)
    return BagOfWords(float(scores.mean()), chance, len(labels))
