#!/bin/bash
# A search on the nodes of a Slurm job. From a folder with the environment in .venv:
#
#   sbatch cluster/slurm.sh gold.yaml gold                    # settings, name of the search
#   sbatch --nodes=4 --time=24:00:00 cluster/slurm.sh gold.yaml gold
#
# Ray runs on these nodes for this job alone. Before the time limit the search is interrupted and
# the job queued again; it then goes on, as it does when the same line is submitted once more.
# To stop it so that it may go on later: scancel --batch --signal=TERM JOB. After a plain scancel
# it goes on too, but epochs that were under way are done again.
#SBATCH --job-name=autune
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --time=12:00:00
#SBATCH --signal=B:USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log
set -eu
settings=${1:?usage: sbatch slurm.sh SETTINGS NAME} name=${2:?usage: sbatch slurm.sh SETTINGS NAME}
results=${AUTUNE_RESULTS:-results}  # on a file system that the first node sees
# shellcheck disable=SC1091
. "${AUTUNE_VENV:-.venv}/bin/activate"

# What several jobs on one node must not share: the folder of Ray (its sockets lie there, so the
# path is short) and all ports (0: Ray finds free ones; its client server takes no 0).
ray=/tmp/autune-$SLURM_JOB_ID
ports="--min-worker-port=0 --max-worker-port=0 --dashboard-agent-listen-port=0"
client=$((20000 + SLURM_JOB_ID % 10000))

# A token of this job: without one, everybody who can reach the nodes could run what he likes.
RAY_AUTH_TOKEN=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
export RAY_AUTH_TOKEN RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0
# Slurm waits 30 s (KillWait) between a plain scancel and the end; Ray would take as long to drain.
export RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S=0
# Ranks of a trial (resources.mpi_ranks) stay on its node; mpiexec would ask Slurm for a step.
export HYDRA_LAUNCHER=fork HYDRA_RMK=user

search='' head='' workers='' stop='' again=''
end_search() {
    stop=yes
    if [ -n "$search" ]; then kill -TERM "$search" 2>/dev/null || true; fi
}
end_ray() {
    trap '' TERM
    # shellcheck disable=SC2086
    kill $workers $head 2>/dev/null || true
    # shellcheck disable=SC2086
    wait $workers $head 2>/dev/null || true
    rm -rf "$ray"
    srun --overlap --ntasks="$SLURM_JOB_NUM_NODES" rm -rf "$ray" || true
}
trap end_ray EXIT
trap end_search TERM
trap 'again=yes; end_search' USR1  # the time limit is near

rm -rf "$ray"
# shellcheck disable=SC2086
ray start --head --block --port=0 --include-dashboard=false --ray-client-server-port=$client \
    --num-cpus="$SLURM_CPUS_PER_TASK" --temp-dir="$ray" $ports &
head=$!
until [ -s "$ray/ray_current_cluster" ]; do
    kill -0 $head  # ends this script if Ray has ended
    sleep 0.5
done
address=$(cat "$ray/ray_current_cluster")
if [ "$SLURM_JOB_NUM_NODES" -gt 1 ]; then
    others=$((SLURM_JOB_NUM_NODES - 1))
    # Ray gives up a node that was not ready after 30 s, and ends where a process of it dies. It
    # is started again there, so that the step does not fail: with KillOnBadExit or WaitTime in its
    # configuration Slurm would then end the other nodes too.
    # shellcheck disable=SC2016,SC2086
    srun --relative=1 --nodes=$others --ntasks=$others --cpus-per-task="$SLURM_CPUS_PER_TASK" \
        bash -c 'trap "rm -rf $0; exit" TERM; until "$@"; do sleep 1; done' "$ray" \
        ray start --block --address="$address" --num-cpus="$SLURM_CPUS_PER_TASK" \
        --temp-dir="$ray" $ports &
    workers=$!
fi

resume=''
if [ -e "$results/$name/search.id" ]; then resume=--resume; fi
autune search "$settings" --name "$name" --results "$results" --address "$address" $resume &
search=$!
if [ -n "$stop" ]; then end_search; fi
# A plain scancel ends Ray and the search at once, and the search may wait for Ray for long.
while kill -0 $search 2>/dev/null; do
    sleep 0.5 || true
    if [ -n "$stop" ] && ! kill -0 $head 2>/dev/null; then
        sleep 3 || true
        kill -KILL $search 2>/dev/null || true
        break
    fi
done
code=0
wait $search || code=$?

trap - EXIT
end_ray
if [ -n "$again" ] && [ "$code" -ne 0 ] && [ "$code" -ne 2 ]; then  # not finished, no mistake
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
