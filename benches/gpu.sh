#!/usr/bin/env bash
# What a machine with a GPU should be asked, in one report: does the GPU compute what the CPU computes, how fast are the
# encoders on it, how smooth is a map of a million points, and how fast are the same networks in PyTorch (where python has
# torch with CUDA).
#   benches/gpu.sh [--batch N] [--encoder NAME]…
# MOLCLIP_GPU_SH_COMPUTE=cpu tries the script itself on a machine without a GPU. Python is python3, or that of the folder
# MOLCLIP_PEERS_VENV. Fails if a part fails; ends with 2 where there is no GPU.
set -euo pipefail
cd "$(dirname "$0")/.."

compute=${MOLCLIP_GPU_SH_COMPUTE:-gpu}
batch=16
encoders=()
while [[ $# -gt 0 ]]; do
    case $1 in
        --batch) batch=${2:?"--batch wants a number"}; shift 2 ;;
        --encoder) encoders+=(--encoder "${2:?"--encoder wants a name"}"); shift 2 ;;
        *) echo "gpu.sh: $1 is not known; usage: benches/gpu.sh [--batch N] [--encoder NAME]…" >&2; exit 64 ;;
    esac
done
case $compute in
    gpu | cpu) ;;
    *) echo "gpu.sh: MOLCLIP_GPU_SH_COMPUTE is \"$compute\"; gpu or cpu is meant" >&2; exit 64 ;;
esac
# Mesa's device chooser looks for a desktop session and calls its absence an error; wgpu chooses itself.
export NODEVICE_SELECT=1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
heading() { printf '\n== %s ==\n' "$1"; }
failed() {
    echo "FAILED: $1"
    status=1
}
# The compiled thing of a name, from cargo's messages: a bench is run more than once, without cargo around it.
executable() { sed -n "s/.*\"name\":\"$1\".*\"executable\":\"\([^\"]*\)\".*/\1/p" "$2" | tail -n 1; }

echo "gpu.sh: building (minutes, the first time)" >&2
# In one command, so that the library is built once.
cargo build --release --locked --bin molclip --bench encoders --bench points --message-format json >"$work/build.json"
program=$(executable molclip "$work/build.json")
bench=$(executable encoders "$work/build.json")
points=$(executable points "$work/build.json")
if [[ ! -x $program || ! -x $bench || ! -x $points ]]; then
    echo "gpu.sh: cargo did not say where it put molclip (\"$program\") and the benches (\"$bench\", \"$points\")" >&2
    exit 1
fi

self_test=passed
"$program" gpu --json >"$work/gpu.json" || self_test=failed
text() { sed -n "s/^ *\"$1\": \"\(.*\)\",\{0,1\}$/\1/p" "$work/gpu.json" | head -n 1; }
if [[ $compute == gpu && ($(text adapter) == "" || $(text device_type) == software) ]]; then
    adapter=$(text adapter)
    echo "gpu.sh: there is no GPU here (${adapter:-no adapter at all}), so there is nothing to measure." >&2
    echo "Install the GPU vendor's Vulkan driver if there should be one; \`vulkaninfo --summary\` lists what Vulkan sees." >&2
    echo "MOLCLIP_GPU_SH_COMPUTE=cpu tries this script on the CPU." >&2
    exit 2
fi

heading "Machine"
date -u +"%Y-%m-%d %H:%M UTC"
git log -1 --format='commit %h %s' 2>/dev/null || true
echo "$(uname -sm), $(getconf _NPROCESSORS_ONLN) cores, computing on: $compute"
command -v nvidia-smi >/dev/null &&
    nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader || true

heading "Self-test: molclip gpu --json ($self_test)"
cat "$work/gpu.json"
[[ $self_test == passed ]] || failed "the GPU computes something else than the CPU, or nothing"

heading "Encoders, ms per batch of $batch"
"$bench" --compute "$compute" --batch "$batch" ${encoders[@]+"${encoders[@]}"} || failed "the encoders"

heading "The map: points panned and zoomed"
"$points" || failed "the map's points"

heading "The same networks in PyTorch"
python=${MOLCLIP_PEERS_VENV:+$MOLCLIP_PEERS_VENV/bin/}python3
if [[ $compute == gpu ]]; then
    wanted='import sys, torch; sys.exit(0 if torch.cuda.is_available() else "torch has no CUDA here")'
else
    wanted='import torch'
fi
if why=$("$python" -c "$wanted" 2>&1); then
    "$python" -c 'import torch; print("torch", torch.__version__, "CUDA", torch.version.cuda)'
    [[ ${#encoders[@]} -gt 0 ]] || encoders=(--encoder light --encoder resnet3d-18 --encoder resnet3d-50)
    "$python" benches/peers/torch_encoders.py "$bench" --compute "$compute" --batch "$batch" "${encoders[@]}" ||
        failed "PyTorch beside ours"
else
    echo "left out: $(tail -n 1 <<<"$why")"
fi
exit $status
