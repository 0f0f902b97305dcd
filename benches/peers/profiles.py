"""Import, correction and scores of 24 plates x 384 wells x 904 features beside pandas, pycytominer, copairs and harmonypy.

    profiles.py PROGRAM [--case NAME]... [--rounds N]

PROGRAM is the compiled bench `profiles`; it makes the plates (resampled from CPJUMP1 where MOLCLIP_DATA names its folder).
Ours and theirs run in turns, each in a process of its own; the fastest of the rounds counts. Cases:
`import` reads the packed CSVs; `score` standardises each plate by MAD, selects features, spheres each plate (ZCA-cor,
epsilon 1) and scores activity with 10,000 random rankings; `harmony` takes the plates out of the features as they are
(theta 2 on both sides); `large` reads a CSV of 20,000 x 5,000, ours alone. Prints ratio = their seconds / ours, above 1 = ours
is faster, the peak of each process's memory, and the size of the table as 64-bit numbers. Fails where a ratio is below 3
(import), 5 (score) or 1 (harmony), where mean mAPs differ by more than 0.005, or where reading takes more than twice the table.
"""

import argparse
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

LEAST = {"import": 3.0, "score": 5.0, "harmony": 1.0}
MOST_MEMORY = 2.0
CLOSE = 0.005
NULL = 10_000


def load(folder):
    import pandas as pd
    return pd.concat([pd.read_csv(path) for path in sorted(pathlib.Path(folder).glob("*.csv.gz"))], ignore_index=True)


def corrected_and_scored(table):
    import pandas as pd
    from copairs.map import average_precision, mean_average_precision
    from copairs.matching import assign_reference_index
    from pycytominer import feature_select, normalize
    dmso = "Metadata_control_type == 'negcon'"
    meta = [name for name in table if name.startswith("Metadata_")]

    def by_plate(table, **how):
        features = [name for name in table if not name.startswith("Metadata_")]
        plates = [
            normalize(plate, features=features, meta_features=meta, samples=dmso, **how)
            for _, plate in table.groupby("Metadata_Plate", sort=False)
        ]
        return pd.concat(plates, ignore_index=True)

    table = by_plate(table, method="mad_robustize")
    features = [name for name in table if not name.startswith("Metadata_")]
    operations = ["variance_threshold", "correlation_threshold", "drop_na_columns", "blocklist"]
    table = feature_select(table, features=features, operation=operations)
    table = by_plate(table, method="spherize", spherize_method="ZCA-cor", spherize_epsilon=1.0)
    features = [name for name in table if not name.startswith("Metadata_")]
    reference = "Metadata_reference_index"
    labels = assign_reference_index(table[meta].fillna(""), dmso, reference_col=reference, default_value=-1)
    same = ["Metadata_pert_iname", reference]
    scores = average_precision(
        labels, table[features].to_numpy(), same, [], ["Metadata_Plate"], same, progress_bar=False
    )
    scores = scores[scores[reference] == -1]
    groups = mean_average_precision(
        scores, ["Metadata_pert_iname"], null_size=NULL, threshold=0.05, seed=0, progress_bar=False
    )
    return float(groups["mean_average_precision"].mean())


def without_plates(table):
    import harmonypy
    features = table[[name for name in table if not name.startswith("Metadata_")]].to_numpy()
    harmonypy.run_harmony(features, table[["Metadata_Plate"]], ["Metadata_Plate"], theta=2)


def peer(case, folder):
    mean_map = None
    if case == "import":
        import pandas  # noqa: F401, not a part of reading
        started = time.perf_counter()
        load(folder)
    else:
        table = load(folder)
        # Modules are loaded, and what compiles itself is compiled.
        import copairs.map, copairs.matching, harmonypy, pycytominer  # noqa: E401, F401
        started = time.perf_counter()
        if case == "score":
            mean_map = corrected_and_scored(table)
        else:
            without_plates(table)
    seconds = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "memory": memory, "mean_map": mean_map}))


def told(command):
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(run.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--case", action="append", choices=[*LEAST, "large"])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--peer", nargs=2, metavar=("CASE", "FOLDER"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        return peer(*args.peer)
    cases = args.case or [*LEAST, "large"]
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        plates = folder / "plates"
        subprocess.run([args.program, "--write", plates], check=True)
        for case in [case for case in cases if case != "large"]:
            ours, theirs = [], []
            for _ in range(args.rounds):
                ours.append(told([args.program, f"--{case}", plates]))
                theirs.append(told([sys.executable, __file__, "-", "--peer", case, plates]))
            own, other = (min(runs, key=lambda run: run["seconds"]) for runs in (ours, theirs))
            ratio = other["seconds"] / own["seconds"]
            print(f"{case:7} {own['rows']} x {own['features']}: ours {own['seconds']:7.2f} s, theirs {other['seconds']:7.2f} s, "
                  f"ratio {ratio:5.2f}; memory {own['memory']:.0f} and {other['memory']:.0f} MB, table {own['table']:.0f} MB", flush=True)
            failed |= ratio < LEAST[case]
            if case == "score":
                print(f"        mean mAP {own['mean_map']:.4f} and {other['mean_map']:.4f}", flush=True)
                failed |= abs(own["mean_map"] - other["mean_map"]) > CLOSE
            if case == "import":
                failed |= own["memory"] > MOST_MEMORY * own["table"]
        if "large" in cases:
            path = folder / "large.csv"
            subprocess.run([args.program, "--write-large", path], check=True)
            own = told([args.program, "--import", path])
            print(f"large   {own['rows']} x {own['features']}: ours {own['seconds']:7.2f} s; memory {own['memory']:.0f} MB, "
                  f"table {own['table']:.0f} MB", flush=True)
            failed |= own["memory"] > MOST_MEMORY * own["table"]
    sys.exit(failed)


if __name__ == "__main__":
    main()
