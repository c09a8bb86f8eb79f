"""Data sets of the Hugging Face hub: where each is and how it is read; the cross-domain ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cast_lens.tasks import hub_rows as rows

Suite = Literal["cross_domain", "cross_lingual"]

# commits of the data sets; social_i_qa's is of the hub's own conversion to Parquet
REVISIONS = {
    "Davlan/sib200": "38977a667f6fc264d5c26ec57a01e16db040b358",
    "allenai/ai2_arc": "210d026faf9955653af8916fad021475a3f00453",
    "allenai/sciq": "2c94ad3e1aafab77146f384e23536f97a4849815",
    "allenai/social_i_qa": "537a2ec8ec565adc0b70b70752893e59e024df26",
    "cambridgeltl/xcopa": "042f78955ba48e6404616762fa6e05e839c3907a",
    "ehovy/race": "2fec9fd81f1dc971569a9b729c43f2f0e6436637",
    "facebook/xnli": "b8dd5d7af51114dbda02c0e3f6133f332186418e",
    "fancyzhx/ag_news": "eb185aade064a813bc0b7f42de02595523103ca4",
    "google-research-datasets/paws-x": "4cd8187c404bda33cb1f62b49b001115862acf37",
    "google/boolq": "35b264d03638db9f4ce671b711558bf7ff0f80d5",
    "mteb/FinancialPhrasebankClassification": "44023d2ee430a3be2d2ee573801616d9e1392fbd",
    "nyu-mll/glue": "bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c",
    "openlifescienceai/medmcqa": "91c6572c454088bf71b679ad90aa8dffcd0d5868",
    "tau/commonsense_qa": "94630fe30dad47192a8546eb75f094926d47e155",
}


@dataclass(frozen=True, kw_only=True)
class HubSet:
    """A data set of the hub and the task it becomes.

    Attributes:
        config: which part of the data set; its only one when None.
        splits: the hub's splits that train, dev and test are drawn from. Where two are drawn from
            one, they share its rows; the hub's test split is not used where it has no labels.
        render: a row's input and label.
        family: what parallel sets in several languages have in common, so that they share ids.
        passage: column of the text that several rows ask about; None where each has its own.
        id_column: what tells rows of a split apart in every language; their place when None.
    """

    name: str
    suite: Suite = "cross_domain"
    role: Literal["source", "target", "both"] = "both"
    language: str = "en"
    hub_id: str
    config: str | None = None
    splits: tuple[str, str, str]
    render: rows.Render
    labels: tuple[str, ...]
    licence: str
    instruction: str
    family: str = ""
    passage: str | None = None
    id_column: str | None = None

    @property
    def revision(self) -> str:
        """Commit of the data set."""
        return REVISIONS[self.hub_id]


CROSS_DOMAIN = (
    HubSet(
        name="ag_news",
        role="source",
        hub_id="fancyzhx/ag_news",
        splits=("train", "train", "test"),
        render=rows.news,
        labels=("business", "sports", "technology", "world"),
        licence="non-commercial research",
        instruction=(
            "Given a sentence do text classification, the sentence is a clipping from a news "
            "article that may be either related to sports, business, technology, or world news. "
            'You are to recognize the category of the sentence and label them as "sports", '
            '"business", "technology" or "world" news'
        ),
    ),
    HubSet(
        name="arc_challenge",
        role="target",
        hub_id="allenai/ai2_arc",
        config="ARC-Challenge",
        splits=("train", "validation", "test"),
        render=rows.school_science,
        labels=tuple("ABCD"),
        licence="CC BY-SA 4.0",
        instruction=(
            "Given a question answering task from the 3rd to 9th-grade science exam. The question "
            'contains four options "A.", "B.", "C." and "D." Select the most appropriate choice '
            "that answers the question"
        ),
    ),
    HubSet(
        name="arc_easy",
        role="source",
        hub_id="allenai/ai2_arc",
        config="ARC-Easy",
        splits=("train", "validation", "test"),
        render=rows.school_science,
        labels=tuple("ABCD"),
        licence="CC BY-SA 4.0",
        instruction=(
            "Given a question answering task from the 3rd to 9th-grade science exam. The question "
            'contains four options "A.", "B.", "C." and "D." Select the most appropriate choice '
            "that answers the question"
        ),
    ),
    HubSet(
        name="boolq",
        role="source",
        hub_id="google/boolq",
        splits=("train", "train", "validation"),
        render=rows.passage,
        passage="passage",
        labels=("False", "True"),
        licence="CC BY-SA 3.0",
        instruction=(
            "Given a context and a question do binary true and false type text classification. "
            "You are given a passage as context and a question related to the passage that can be "
            'answered as "True" or "False". Based on the context, question and your reasoning '
            'ability answer in a "True" and "False".'
        ),
    ),
    HubSet(
        name="commonsense_qa",
        role="source",
        hub_id="tau/commonsense_qa",
        splits=("train", "train", "validation"),
        render=rows.commonsense,
        labels=tuple("ABCDE"),
        licence="MIT",
        instruction=(
            "The following task relates to commonsense reasoning. It consists of a question that "
            "can be easily solved using logical abilities and reasoning, a set of five options  "
            '"A.", "B.", "C.", "D." and "E." are also provided along with the question, one of '
            "these options answers the question logically. Use your reasoning ability to select "
            'the most appropriate answer from the provided choices "A.", "B.", "C.", "D." and '
            '"E." and assign these choices (i.e  "A.", "B.", "C.", "D." and "E.") as the label'
        ),
    ),
    HubSet(
        name="financial_phrasebank",
        role="target",
        hub_id="mteb/FinancialPhrasebankClassification",
        splits=("train", "train", "train"),
        render=rows.finance,
        labels=("negative", "neutral", "positive"),
        licence="CC BY-NC-SA 3.0",
        instruction=(
            "Given a sentence mined from a financial news article, you are to determine the "
            "sentiment polarity of the sentence. The task deals with financial sentiment "
            "analysis. Based on the sentiment conveyed by the sentence, label the sentence as "
            '"negative", "positive" or "neutral"'
        ),
    ),
    HubSet(
        name="medmcqa",
        role="target",
        hub_id="openlifescienceai/medmcqa",
        splits=("train", "train", "validation"),
        render=rows.medicine,
        labels=tuple("ABCD"),
        licence="MIT",
        instruction=(
            'Given a multiple choice question containing four options "A.", "B.", "C." and "D." '
            "from a medical entrance exam. The question is related to a sub-field of medical "
            "science like Microbiology, Radiology, Ophthalmology, Surgery, Human anatomy, etc. "
            "Based on the question, the option and your knowledge of the medical field select the "
            'most appropriate answer from the provided choices "A.", "B.", "C." and "D.".'
        ),
    ),
    HubSet(
        name="mnli",
        role="source",
        hub_id="nyu-mll/glue",
        config="mnli",
        splits=("train", "train", "validation_matched"),
        render=rows.entailment,
        labels=("contradiction", "entailment", "neutral"),
        licence="OANC and others, see the corpus",
        instruction=(
            " Given Sentence 1 which is a premise and Sentence 2 which is a hypothesis do natural "
            "language inference on the pair. In natural language inference we mark whether the "
            'premise and hypothesis are "neutral", "contradiction" or "entailment". The pair are '
            'said to be "entailed" if the premise justifies/supports the hypothesis, if the pair '
            'contradict each other we label them as "contradiction" and label them "neutral" in '
            "all other cases"
        ),
    ),
    HubSet(
        name="qqp",
        role="source",
        hub_id="nyu-mll/glue",
        config="qqp",
        splits=("train", "train", "validation"),
        render=rows.duplicates,
        labels=("duplicate", "not duplicate"),
        licence="Quora terms, non-commercial",
        instruction=(
            "Given two question pairs do text classification based on whether they are duplicates "
            "or not. The questions are mined from the popular online discussion forum Quora. As "
            "duplicate quetion might be present on Quora, the task is to label two identical "
            'questions as "duplicate" if they ask the same query else label the pair as "not '
            'duplicate".'
        ),
    ),
    HubSet(
        name="race",
        role="source",
        hub_id="ehovy/race",
        config="all",
        splits=("train", "validation", "test"),
        render=rows.reading,
        passage="article",
        labels=tuple("ABCD"),
        licence="non-commercial research",
        instruction=(
            "Given a reading comprehension type question-answering from an english exam for "
            "school students. You are given a context and multiple choice question containing "
            'four options "A.", "B.", "C." and "D.". The question is answerable from the '
            "comprehension. Based on the question, the option and the context select the most "
            'appropriate answer from the provided choices "A.", "B.", "C." and "D.".'
        ),
    ),
    HubSet(
        name="sciq",
        role="target",
        hub_id="allenai/sciq",
        splits=("train", "validation", "test"),
        render=rows.science,
        labels=tuple("ABCD"),
        licence="CC BY-NC 3.0",
        instruction=(
            "Given a question from a scientific exam about Physics, Chemistry, and Biology, among "
            'others. The question is in multiple choice format with four answer options "A.", '
            '"B.", "C." and "D.". Using your knowledge about the scientific fields answer the '
            'question and provide the label "A", "B", "C" and "D" as answer'
        ),
    ),
    HubSet(
        name="social_i_qa",
        role="target",
        hub_id="allenai/social_i_qa",
        splits=("train", "train", "validation"),
        render=rows.social,
        labels=tuple("ABC"),
        licence="CC BY 4.0",
        instruction=(
            "Given an action as the context and a related question, you are to answer the "
            "question based on the context using your social intelligence. The question is of "
            'multiple choice form with three options "A", "B" and "C". Select the most '
            'appropriate answer from the provided choices "A", "B" and "C".'
        ),
    ),
    HubSet(
        name="sst2",
        role="source",
        hub_id="nyu-mll/glue",
        config="sst2",
        splits=("train", "train", "validation"),
        render=rows.review,
        labels=("negative", "positive"),
        licence="research",
        instruction=(
            "Given a movie review do text classification, based on the sentiment conveyed by the "
            'review label it as "positive" or "negative"'
        ),
    ),
)
