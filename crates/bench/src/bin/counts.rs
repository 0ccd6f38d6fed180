//! How many instructions each case takes, counted by callgrind, beside the table in `counts.tsv`.
//!
//! `cargo run --profile counts -p tollgate-bench --bin counts` runs itself under valgrind and fails
//! where a case takes more than the table allows; with `--bless` it writes the table anew. Callgrind
//! counts what all threads do while [`work_that_is_counted`] runs: neither the load of the machine
//! nor its clock is in the numbers. They belong to the profile `counts`, the toolchain that
//! `rust-toolchain.toml` pins, and x86-64.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints its result")]

use std::error::Error;
use std::hint::black_box;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use tempfile::TempDir;
use tollgate_bench::cases::{Work, every};
use tollgate_bench::table::{self, Finding, HEADROOM_PERCENT, Row};

/// What callgrind zeroes its counts before.
const COUNTED: &str = "*work_that_is_counted*";
/// What it writes them before.
const DONE: &str = "*work_is_done*";
/// The argument of the run under valgrind.
const WORK: &str = "--work";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => compare(),
        ["--bless"] => bless(),
        [WORK, folder] => work(Path::new(folder)),
        _ => Err("usage: counts [--bless]".into()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn table_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("counts.tsv")
}

/// Whether nothing takes more than the table allows.
fn compare() -> Result<bool, Box<dyn Error>> {
    let path = table_path();
    let text = std::fs::read_to_string(&path)?;
    let table = table::read(&text).map_err(|bad| format!("{}: {bad}", path.display()))?;
    let counts = count()?;
    let mut kept = true;
    for count in &counts {
        let Row { name, unit, instructions, .. } = count;
        let allowed = table.iter().find(|row| row.name == *name);
        let allowed = allowed.map_or(0, Row::instructions_max);
        let finding = table::judge(count, &table);
        kept &= matches!(finding, Finding::Same | Finding::Better);
        let finding = match finding {
            Finding::Same => "",
            Finding::Better => "  much better: --bless",
            Finding::Worse => "  TOO MANY",
            Finding::Unknown => "  NOT IN THE TABLE: --bless",
        };
        println!("{name:<40} {instructions:>8} per {unit:<20} at most {allowed:>8}{finding}");
    }
    for name in table::uncounted(&counts, &table) {
        println!("{name:<40} NOT COUNTED: --bless");
        kept = false;
    }
    if !kept {
        eprintln!("counts: {} does not hold; --bless once the cost is meant", path.display());
    }
    Ok(kept)
}

fn bless() -> Result<bool, Box<dyn Error>> {
    let path = table_path();
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    let before = table::read(&before).unwrap_or_default();
    std::fs::write(&path, table::write(&count()?, &before))?;
    println!("{}", path.display());
    Ok(true)
}

/// Runs this program's work under callgrind.
fn count() -> Result<Vec<Row>, Box<dyn Error>> {
    let folder = TempDir::new()?;
    let out = folder.path().join("callgrind");
    let ran = Command::new("valgrind")
        // The environment's size would move the stack.
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .args(["--tool=callgrind", "--quiet", "--combine-dumps=yes"])
        .arg(format!("--zero-before={COUNTED}"))
        .arg(format!("--dump-before={DONE}"))
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(std::env::current_exe()?)
        .arg(WORK)
        .arg(folder.path())
        .stderr(Stdio::inherit())
        .output();
    let ran = match ran {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err("no valgrind: `apt-get install valgrind`, or what your system has".into());
        }
        ran => ran?,
    };
    if !ran.status.success() {
        return Err(format!("the work failed under valgrind: {}", ran.status).into());
    }
    let totals = totals(&std::fs::read_to_string(&out)?);
    let done = String::from_utf8(ran.stdout)?;
    let rows: Option<Vec<Row>> =
        done.lines().zip(&totals).map(|(line, total)| row(line, *total)).collect();
    let rows = rows.filter(|rows| rows.len() == totals.len() && rows.len() == done.lines().count());
    rows.ok_or_else(|| {
        let counts = totals.len();
        format!("callgrind gave {counts} counts for this work:\n{done}").into()
    })
}

/// The instructions of each part that callgrind wrote when work was done, in order.
fn totals(out: &str) -> Vec<u64> {
    let mut totals = Vec::new();
    let mut counted = false;
    for line in out.lines() {
        if let Some(reason) = line.strip_prefix("desc: Trigger: ") {
            counted = reason.starts_with("--dump-before");
        } else if let Some(total) = line.strip_prefix("totals: ")
            && counted
        {
            totals.extend(total.trim().parse::<u64>());
        }
    }
    totals
}

/// A line of the work's, with what callgrind counted.
fn row(line: &str, total: u64) -> Option<Row> {
    let mut fields = line.split('\t');
    let (name, unit) = (fields.next()?.to_owned(), fields.next()?.to_owned());
    let units: u64 = fields.next()?.parse().ok()?;
    let instructions = total.checked_div(units)?;
    Some(Row { name, unit, instructions, headroom_percent: HEADROOM_PERCENT })
}

/// Does the work of each case, the second time for callgrind, and says of how many units it was.
fn work(folder: &Path) -> Result<bool, Box<dyn Error>> {
    fastrand::seed(1);
    for mut case in every(folder)? {
        let name = case.name.clone();
        let mut ready = || case.ready().ok_or(format!("{name}: cannot be made ready"));
        // What is made once in a process is there after this.
        let first = black_box(ready()?)();
        let units = work_that_is_counted(ready()?);
        work_is_done();
        if units == 0 || units != first {
            return Err(format!("{name}: {first} units, then {units}").into());
        }
        println!("{name}\t{}\t{units}", case.unit);
    }
    Ok(true)
}

#[inline(never)]
fn work_that_is_counted(work: Work) -> usize {
    black_box(work())
}

#[inline(never)]
fn work_is_done() {
    black_box(());
}
