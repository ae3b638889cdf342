#!/usr/bin/env bash
# Two nodes with four GPUs each: one worker to a node, which uses all of its GPUs.
#SBATCH --job-name=cai-train
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=32
#SBATCH --time=24:00:00
# A minute before the limit the workers save; --requeue starts the job again, and
# --resume continues it.
#SBATCH --signal=TERM@60
#SBATCH --requeue
#SBATCH --output=%x-%j.out
set -euo pipefail

# Folders that all nodes can read: the environment, the data sets, the runs.
source "$HOME/cai/.venv/bin/activate"
export TFDS_DATA_DIR="$HOME/cai/tfds"

# The workers learn of each other from Slurm's own variables.
srun cai train siamese_one_shot --scale paper --variant conv \
  --strategy multiworker --set train.cluster=slurm \
  --output "$HOME/cai/runs" --resume
