"""The cross-lingual data sets of the Hugging Face hub: the same task in several languages."""

from __future__ import annotations

from cast_lens.tasks import hub_rows as rows
from cast_lens.tasks.hub_table import HubSet

SIB200 = tuple(
    HubSet(
        name=f"sib200_{language}",
        suite="cross_lingual",
        language=language,
        hub_id="Davlan/sib200",
        config=config,
        splits=("train", "validation", "test"),
        render=rows.topic,
        labels=(
            "entertainment",
            "geography",
            "health",
            "politics",
            "science/technology",
            "sports",
            "travel",
        ),
        licence="CC BY-SA 4.0",
        instruction=(
            "Read the text and name its topic: science/technology, travel, politics, sports, "
            "health, entertainment or geography."
        ),
        family="sib200",
        id_column="index_id",
    )
    for language, config in (
        ("de", "deu_Latn"),
        ("en", "eng_Latn"),
        ("es", "spa_Latn"),
        ("fr", "fra_Latn"),
        ("it", "ita_Latn"),
        ("pt", "por_Latn"),
        ("ru", "rus_Cyrl"),
        ("zh", "zho_Hans"),
    )
)

# the official train rows of XNLI and PAWS-X are machine translations, their validation rows are not
XNLI = tuple(
    HubSet(
        name=f"xnli_{language}",
        suite="cross_lingual",
        language=language,
        hub_id="facebook/xnli",
        config=language,
        splits=("validation", "validation", "test"),
        render=rows.inference,
        labels=("entailment", "neutral", "contradiction"),
        licence="CC BY-NC 4.0",
        instruction=(
            "Decide whether the hypothesis follows from the premise (entailment), contradicts it "
            "(contradiction) or neither (neutral)."
        ),
        family="xnli",
    )
    for language in ("de", "en", "es", "fr", "ru", "zh")
)

PAWS_X = tuple(
    HubSet(
        name=f"pawsx_{language}",
        suite="cross_lingual",
        language=language,
        hub_id="google-research-datasets/paws-x",
        config=language,
        splits=("validation", "validation", "test"),
        render=rows.paraphrase,
        labels=("paraphrase", "different"),
        licence="free for any use, see the data set",
        instruction=(
            "Decide whether the two sentences mean the same (paraphrase) or not (different)."
        ),
        family="pawsx",
        id_column="id",
    )
    for language in ("de", "en", "es", "fr", "zh")
)

XCOPA = tuple(
    HubSet(
        name=f"xcopa_{language}",
        suite="cross_lingual",
        language=language,
        hub_id="cambridgeltl/xcopa",
        config=language,
        splits=("validation", "validation", "test"),
        render=rows.cause_or_effect,
        labels=("A", "B"),
        licence="CC BY 4.0",
        instruction="Choose what is more likely the cause or the effect of the premise, A or B.",
        family="xcopa",
        id_column="idx",
    )
    for language in ("it", "zh")
)

CROSS_LINGUAL = (*SIB200, *XNLI, *PAWS_X, *XCOPA)
