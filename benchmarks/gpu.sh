#!/usr/bin/env bash
# Everything that waits for a GPU, in one command: bash benchmarks/gpu.sh [OUT.json]
# On a machine with CUDA and a CUDA build of torch: the golden vectors, then the table of targets, of
# the model and of Chamfer distances; then training, beside OUT as bench-training-gpu.json: the loop against a bare one,
# and stage 2 at the released sizes as a share of the card's peak. Needs 80 GB on the card (40 without the last), triton
# (CUDA builds of torch bring it) and nvidia-smi.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}
"$python" -m tests.golden tests/data/golden_stage1.npz tests/data/golden_stage2.npz
out=${1:-reports/results/bench-gpu.json}
"$python" -m benchmarks.gpu --out "$out"
exec "$python" -m benchmarks.training --out "$(dirname "$out")/bench-training-gpu.json"
