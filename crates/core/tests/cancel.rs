//! A call that is cancelled says so, and leaves the index and its file as they were.

mod support;

use std::fs;

use support::{Case, build, cases, folder, ids, matrix, one_thread, queries, rows};
use vicinal_core::{Error, Index, PlanChoice, Run, SearchOptions};

/// What is called, and a call of it.
type Call<'a> = (&'static str, &'a dyn Fn() -> Result<(), Error>);

fn cancelled() -> Run {
    let run = Run::new(2);
    run.cancel();
    run
}

fn saved(index: &Index, folder: &tempfile::TempDir) -> Vec<u8> {
    let path = folder.path().join("state.vicinal");
    index.save(&path).unwrap();
    fs::read(path).unwrap()
}

#[test]
fn no_call_goes_on_after_it_was_cancelled() {
    let (folder, run) = (folder(), cancelled());
    for case in cases() {
        let index = build(&case);
        let named = ids(&case).unwrap_or_else(|| (0..case.rows as i64).collect());
        index.remove(&named[2..4], false, &one_thread()).unwrap();
        let before = saved(&index, &folder);
        let path = folder.path().join("state.vicinal");
        let (new, queries) = (rows(&Case { seed: 6, ..case }), queries(&case));
        let (new, queries) = (matrix(&new, case.rows), matrix(&queries, support::QUERIES));
        let options = SearchOptions { k: 3, ef_search: 10, counters: false, plan: PlanChoice::Graph };
        let other = folder.path().join("other.vicinal");
        let calls: [Call<'_>; 15] = [
            ("add", &|| index.add(new, None, &run).map(drop)),
            ("upsert", &|| index.upsert(new, &named, &run)),
            ("remove", &|| index.remove(&named[4..], false, &run).map(drop)),
            ("compact", &|| index.compact(&run).map(drop)),
            ("repair", &|| index.repair(&run).map(drop)),
            ("verify", &|| index.verify(&run).map(drop)),
            ("shape", &|| index.shape(&run).map(drop)),
            ("search", &|| index.search(queries, &options, None, &run).map(drop)),
            ("exact", &|| index.search_exact(queries, 3, false, &run).map(drop)),
            ("radius", &|| index.search_radius(queries, 9.0, None, None, &run).map(drop)),
            ("save", &|| index.save_watched(&path, &run)),
            ("save beside", &|| index.save_watched(&other, &run)),
            ("open", &|| Index::open_watched(&path, false, &run).map(drop)),
            ("verify a map", &|| Index::open(&path, true)?.verify(&run).map(drop)),
            ("salvage", &|| Index::salvage(&path, &run).map(drop)),
        ];
        for (name, call) in calls {
            let outcome = call();
            assert!(matches!(outcome, Err(Error::Cancelled)), "{name} of {case:?}: {outcome:?}");
        }
        assert!(index.verify(&one_thread()).unwrap().ok(), "{case:?}");
        assert!(fs::read(&path).unwrap() == before, "{case:?}");
        assert!(saved(&index, &folder) == before, "{case:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{case:?}");
    }
}
