"""What stages call that decides none of their results, each with the reason.

Fingerprints end there: a better message, another lock or a new option of the gallery trains nothing again.
"""

from collections.abc import Mapping

PARAMS = "artpipe.config.params:load_params", "artpipe.config.params:parse_params", "artpipe.config.params:Params"
SENTENCES = "artpipe.language.sentences"
# By module, or `module:name`. A stage mentions the parts of params.yaml that it reads, so that these are reached.
BOUNDARIES: Mapping[str, str] = {
    **dict.fromkeys(PARAMS, "checks the whole of params.yaml, also what a stage does not read"),
    SENTENCES: "makes sentences, of what a stage says in the terminal; reports hold codes",
    "artpipe.code.code_yaml": "computes these fingerprints",
    "artpipe.code.stage_fingerprints": "computes these fingerprints",
    "artpipe.config.secret_scan": "refuses a file, or nothing",
    "artpipe.config.validation_message": "words of a refusal",
    "artpipe.plugins": "finds a plugin by its name; the plugin's code has a key of its own",
    "artpipe.system.interrupts": "when a stage ends, not with what",
    "artpipe.system.locks": "who waits for whom",
    "artpipe.system.plain_text": "what a terminal shows",
    "artpipe.system.processes": "starts and ends processes",
    "artpipe.system.streams": "what a terminal shows",
    "artpipe.system.terminal": "what a terminal shows",
    "artpipe.training.progress_bar": "what a terminal shows",
    "artpipe.tracking.follower": "MLflow's view of a training",
}
# The gallery shows sentences and the whole of params.yaml.
DECIDING: Mapping[str, tuple[str, ...]] = {"gallery": (*PARAMS, SENTENCES), "sections": (*PARAMS, SENTENCES)}
