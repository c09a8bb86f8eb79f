"""Bad settings and options: what is typed, what the line must say."""

from __future__ import annotations

from cases_tasks import Case, Prepare
from trust_ground import Ground


def setting(**changed: str | None) -> Prepare:
    """A run over the sound task under another option."""

    def prepare(ground: Ground) -> list[str]:
        ground.task()
        return ground.run(**changed)

    return prepare


def typed(*words: str) -> Prepare:
    """Words as they are, beside the sound task; MODEL stands for the sound model."""

    def prepare(ground: Ground) -> list[str]:
        ground.task()
        return [str(ground.model) if word == "MODEL" else word for word in words]

    return prepare


def file(content: bytes | None) -> Prepare:
    """A run under a settings file; a folder of that name where None."""

    def prepare(ground: Ground) -> list[str]:
        ground.task()
        path = ground.root / "c.toml"
        if content is None:
            path.mkdir()
        else:
            path.write_bytes(content)
        return ["run", "--config", "c.toml", "--out", "out"]

    return prepare


SOUND = b'sources = ["a"]\ntargets = ["b"]\n'
HUB = setting(tasks="hub:cross_domain", sources="sst2", targets="sst2")
SELECT = ("select", "colours", "--tasks=tasks", "--selector=random", "--examples=2")
PROMPTS = ("prompts", "colours", "--tasks", "tasks", "--model", "MODEL")
SETTINGS: list[Case] = [
    ("strength NaN", setting(strengths="nan"), "must be a finite number"),
    ("strength infinite", setting(strengths="1,inf"), "must be a finite number"),
    ("strength a word", setting(strengths="strong"), "expected numbers"),
    ("strength that overflows", setting(strengths="1e38"), "between -1e+06 and 1e+06"),
    ("no strength", setting(strengths=","), "strengths"),
    ("strength twice", setting(strengths="1,1.0"), "holds a value twice"),
    ("layer out of range", setting(layers="0,3"), "which has layers 0 to 2"),
    ("layer negative", setting(layers="-1"), "greater than or equal to 0"),
    ("layer a word", setting(layers="middle"), "expected numbers"),
    ("layer a fraction", setting(layers="1.5"), "expected numbers"),
    ("layer twice", setting(layers="1,1"), "holds a value twice"),
    ("budget 0", setting(examples="0"), "examples = 0"),
    ("budget negative", setting(examples="-4"), "examples = -4"),
    ("budget past a machine word", setting(examples="9" * 30), "examples = "),
    ("K is 0", setting(shots="0"), "shots = 0"),
    ("K larger than the pool", setting(shots="6"), "6 shots need more than 6"),
    ("K larger than the budget", setting(shots="4"), "4 shots need more than 4"),
    ("K beyond all bounds", setting(shots="1000"), "shots = 1000"),
    ("one dev item", setting(dev_items="1"), "dev_items = 1"),
    ("no test item", setting(test_items="0"), "test_items = 0"),
    ("no new token", setting(max_new_tokens="0"), "max_new_tokens = 0"),
    ("no placebo", setting(random_directions="0"), "random_directions = 0"),
    ("seed negative", setting(seed="-1"), "seed = -1"),
    ("seed a word", setting(seed="lucky"), "'--seed'"),
    ("arm unknown", setting(arms="zero_shot,magic"), "arms"),
    ("selector unknown", setting(selector="best"), "selector"),
    ("policy unknown", setting(policy="everywhere"), "policy"),
    ("rule unknown", setting(rule="multiply"), "rule"),
    ("template unknown", setting(template="fancy"), "template"),
    ("dtype unknown", setting(dtype="int8"), "dtype"),
    ("backend unknown", setting(backend="jax"), "backend"),
    ("device unknown", setting(device="quantum"), "Device 'quantum' cannot be used"),
    ("device not there", setting(device="cuda:99"), "cannot be used"),
    ("memory a word", setting(memory="lots"), "memory = 'lots' is no size"),
    ("memory 0", setting(memory="0"), "memory = '0' is no size"),
    ("embeddings nowhere", setting(selector="cast", embeddings="./no"), "sentence encoder"),
    ("no target", setting(targets=None), "targets is not set"),
    ("no out", setting(out=None), "--out is not set"),
    ("hub suite unknown", setting(tasks="hub:nowhere"), "No suite 'nowhere'"),
    ("task not on the hub", setting(tasks="hub:cross_domain"), "No task 'colours'"),
    ("hub unreachable", HUB, "not in the cache of Hugging Face datasets"),
    ("preset unknown", setting(preset="tuor"), "Did you mean 'tour'"),
    ("option unknown", setting(strenghts="1"), "--strenghts"),
    ("option without its value", typed("run", "--out"), "--out"),
    ("command unknown", typed("rnu"), "rnu"),
    ("argument too many", typed("show", "a", "b"), "b"),
    ("argument missing", typed("show"), "'folder'"),
    ("config missing", typed("run", "--config", "no.toml", "--out", "out"), "no.toml: no such"),
    ("config a folder", file(None), "c.toml: cannot be read (Is a directory)"),
    ("config binary", file(b"\xff\xfe\x00"), "c.toml: cannot be read"),
    ("config no TOML", file(b"sources = [\n"), "c.toml: cannot be read as TOML"),
    ("config too deep", file(b"x = " + b"[" * 100_000), "c.toml: cannot be read as TOML"),
    ("config endless number", file(b"seed = " + b"1" * 5000), "c.toml: cannot be read as TOML"),
    ("config key unknown", file(SOUND + b"stregths = [1]\n"), "Did you mean 'strengths'"),
    ("config key of a kind unknown", file(SOUND + b"[run]\nshots = 1\n"), "unknown setting 'run'"),
    ("config value of another kind", file(SOUND + b'shots = "four"\n'), "shots = 'four'"),
    ("config with a date", file(SOUND + b"seed = 2020-01-01\n"), "seed = "),
    ("preset and config", typed("run", "--preset=tour", "--config=c", "--out=x"), "cannot both"),
    ("grid without settings", typed("grid", "--out", "out"), "one of them"),
    ("grid seeds negative", typed("grid", "--preset=tour", "--seeds=-1", "--out=x"), "--seeds"),
    ("selection over the pool", typed(*SELECT, "--examples", "7"), "holds 6 examples"),
    ("selection of nothing", typed(*SELECT, "--examples", "0"), "examples"),
    ("selection by NaN", typed(*SELECT, "--alpha", "nan"), "alpha"),
    ("selector unknown to select", typed(*SELECT, "--selector", "best"), "selector"),
    ("prompt of no item", typed(*PROMPTS, "--item", "zzz"), "no item 'zzz'"),
    ("prompt of too many shots", typed(*PROMPTS, "--kind=few", "--shots=7"), "7 demonstrations"),
    ("prompt without a source", typed(*PROMPTS, "--kind", "cross"), "needs a source"),
    ("prompt of a kind unknown", typed(*PROMPTS, "--kind", "one"), "one"),
    ("item with a line break", typed(*PROMPTS, "--item", "a\nb"), "no item"),
]
