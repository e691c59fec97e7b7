//! Whatever is added and removed, everything that is there can be reached and found, and nothing else.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use support::{Case, cases, cases_wanted, encode, folder, kept, matrix, one_thread};
use vicinal_core::{Compacted, Error, Index, Params, PlanChoice, Run, SearchOptions, knn};

/// An index beside a map of the same vectors.
struct Twin {
    index: Index,
    model: BTreeMap<i64, Vec<u8>>,
    case: Case,
    numbers: support::Numbers,
}

impl Twin {
    fn new(case: Case, m: usize) -> Self {
        let Case { dim, metric, dtype, layout, store, seed, .. } = case;
        let params = Params { dim, metric, dtype, m, ef_construction: 20, seed, level_p: Some(0.3), layout, store };
        let numbers = support::Numbers::new(seed);
        Twin { index: Index::new(params).unwrap(), model: BTreeMap::new(), case, numbers }
    }

    /// Rows, of which about one in four equals one that is there or another of them.
    fn rows(&mut self, rows: usize) -> Vec<Vec<u8>> {
        let Case { dim, dtype, .. } = self.case;
        let mut all: Vec<Vec<u8>> = Vec::new();
        for _ in 0..rows {
            let old = self.model.values().chain(&all);
            let row = match self.numbers.next() % 4 {
                0 if old.clone().count() > 0 => {
                    old.clone().nth(self.numbers.next() as usize % old.count()).unwrap().clone()
                }
                _ => encode(dtype, dim, 1, &mut self.numbers),
            };
            all.push(row);
        }
        all
    }

    /// About so many of the ids that are there.
    fn some_ids(&mut self, count: usize) -> Vec<i64> {
        let ids: Vec<i64> = self.model.keys().copied().collect();
        let mut some: Vec<i64> =
            (0..count.min(ids.len())).map(|_| ids[self.numbers.next() as usize % ids.len()]).collect();
        some.sort_unstable();
        some.dedup();
        some
    }

    fn add(&mut self, count: usize, run: &Run) {
        let rows = self.rows(count);
        let ids = self.index.add(matrix(&rows.concat(), count), None, run).unwrap();
        self.model.extend(ids.into_iter().zip(rows));
    }

    fn upsert(&mut self, old: usize, new: usize, run: &Run) {
        let mut ids = self.some_ids(old);
        ids.extend((0..new).map(|_| (self.numbers.next() >> 40) as i64));
        ids.sort_unstable();
        ids.dedup();
        let rows = self.rows(ids.len());
        self.index.upsert(matrix(&rows.concat(), ids.len()), &ids, run).unwrap();
        self.model.extend(ids.into_iter().zip(rows));
    }

    fn remove(&mut self, count: usize, run: &Run) {
        let ids = self.some_ids(count);
        assert_eq!(self.index.remove(&ids, false, run).unwrap(), ids.len());
        ids.iter().for_each(|id| _ = self.model.remove(id));
    }

    fn reopen(&mut self) {
        let folder = folder();
        let path = folder.path().join("a.vicinal");
        self.index.save(&path).unwrap();
        let mapped = Index::open(&path, true).unwrap();
        let read = Index::open(&path, false).unwrap();
        self.index = mapped;
        self.check();
        let again = folder.path().join("b.vicinal");
        read.save(&again).unwrap();
        assert!(std::fs::read(&path).unwrap() == std::fs::read(&again).unwrap());
        self.index = read;
    }

    fn check(&self) {
        let Params { dim, metric, dtype, .. } = *self.index.params();
        assert_eq!(self.index.len(), self.model.len());
        let mut ids = self.index.ids().unwrap();
        ids.sort_unstable();
        assert!(ids.iter().eq(self.model.keys()));
        let given: Vec<u8> = self.model.values().flatten().copied().collect();
        let vectors = kept(self.case.store, dim, &given);
        assert!(self.index.get(&ids).unwrap() == vectors);
        let report = self.index.verify(&one_thread()).unwrap();
        assert!(report.ok(), "{report:?}");
        assert_eq!(report.reachable, ids.len() as u64);
        let stats = self.index.stats(&one_thread()).unwrap();
        assert_eq!((stats.slots[0], stats.loose_parts), (ids.len() as u64, 0));
        assert_eq!(stats.entry_point.is_some(), !ids.is_empty());
        assert!(stats.entry_point.is_none_or(|id| self.model.contains_key(&id)));

        let queries = support::queries(&self.case);
        let queries = matrix(&queries, support::QUERIES);
        for k in [1, 7, ids.len() + 3] {
            let truth = knn(matrix(&vectors, ids.len()), queries, dim, metric, dtype, k, &one_thread()).unwrap();
            let options = SearchOptions { k, ef_search: 4 * ids.len() + 1, counters: false, plan: PlanChoice::Graph };
            let by_graph = self.index.search(queries, &options, None, &one_thread()).unwrap();
            let exact = self.index.search_exact(queries, k, false, &one_thread()).unwrap();
            for (hits, is_exact) in [(by_graph, false), (exact, true)] {
                // Who asks for all gets all, if everyone is reachable.
                if is_exact || k > ids.len() {
                    assert_eq!(hits.distances, truth.distances);
                }
                assert!(hits.distances.iter().zip(&truth.distances).all(|(found, true_one)| found >= true_one));
                for found in hits.ids.chunks(k) {
                    let mut found: Vec<i64> = found.iter().copied().filter(|&id| id >= 0).collect();
                    let count = found.len();
                    found.sort_unstable();
                    found.dedup();
                    assert_eq!((found.len(), count), (count, k.min(ids.len())));
                    assert!(found.iter().all(|id| self.model.contains_key(id)));
                }
            }
        }
    }
}

fn case() -> impl Strategy<Value = Case> {
    let spaces = cases();
    (0..spaces.len(), 1usize..20, any::<u64>()).prop_map(move |(space, dim, seed)| Case { dim, seed, ..spaces[space] })
}

#[derive(Clone, Debug)]
enum Step {
    Add(usize),
    Upsert(usize, usize),
    Remove(usize),
    RemoveAll,
    Clear,
    Compact,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0usize..60).prop_map(Step::Add),
        3 => (0usize..40, 0usize..5).prop_map(|(old, new)| Step::Upsert(old, new)),
        3 => (0usize..60).prop_map(Step::Remove),
        1 => Just(Step::RemoveAll),
        1 => Just(Step::Clear),
        1 => Just(Step::Compact),
        2 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases_wanted(200)))]

    #[test]
    fn any_history_leaves_what_was_not_removed(
        case in case(),
        m in 2usize..6,
        threads in 1usize..3,
        steps in prop::collection::vec(step(), 1..14),
    ) {
        let mut twin = Twin::new(case, m);
        let run = Run::new(threads);
        for step in steps {
            match step {
                Step::Add(count) => twin.add(count, &run),
                Step::Upsert(old, new) => twin.upsert(old, new, &run),
                Step::Remove(count) => twin.remove(count, &run),
                Step::RemoveAll => twin.remove(usize::MAX, &run),
                Step::Clear => {
                    twin.index.clear(&one_thread()).unwrap();
                    twin.model.clear();
                }
                Step::Compact => {
                    let moves = twin.index.movable() as u64;
                    let done = twin.index.compact(&run).unwrap();
                    prop_assert!(moves > 0 || done.moved == 0);
                    let report = twin.index.verify(&one_thread()).unwrap();
                    prop_assert_eq!(report.dangling_links, 0);
                    let [live, dead, free] = twin.index.stats(&one_thread()).unwrap().slots;
                    prop_assert!(free <= live + dead, "{} slots are free beside {} and {}", free, live, dead);
                    prop_assert_eq!(twin.index.compact(&run).unwrap(), Compacted::default());
                }
                Step::Reopen => twin.reopen(),
            }
            twin.check();
        }
    }
}

#[test]
fn ids_that_are_not_there_are_named_or_passed_over() {
    let mut twin = Twin::new(cases()[0], 4);
    twin.add(20, &one_thread());
    let error = twin.index.remove(&[3, 99, 4, -1], false, &one_thread()).unwrap_err();
    assert!(matches!(&error, Error::Missing { ids } if *ids == [99, -1]), "{error:?}");
    assert_eq!(error.to_string(), "ids 99, -1 are not in the index; missing=\"ignore\" passes over such ids");
    twin.check();
    assert_eq!(twin.index.remove(&[3, 99, 3, 4], true, &one_thread()).unwrap(), 2);
    twin.model.remove(&3);
    twin.model.remove(&4);
    twin.check();
}

/// An index of vectors of which no two are equal, and some of it removed.
fn thinned(case: Case, rows: usize, stays: impl Fn(i64) -> bool) -> Twin {
    let mut twin = Twin::new(case, 4);
    let mut vectors = BTreeSet::new();
    while vectors.len() < rows {
        vectors.insert(encode(case.dtype, case.dim, 1, &mut twin.numbers));
    }
    let all: Vec<Vec<u8>> = vectors.into_iter().collect();
    twin.index.add(matrix(&all.concat(), rows), None, &Run::new(2)).unwrap();
    let (left, gone): (Vec<i64>, Vec<i64>) = (0..rows as i64).partition(|&id| stays(id));
    twin.index.remove(&gone, false, &Run::new(2)).unwrap();
    twin.model.extend(left.into_iter().map(|id| (id, all[id as usize].clone())));
    twin
}

fn slots(twin: &Twin) -> [u64; 3] {
    twin.index.stats(&one_thread()).unwrap().slots
}

/// Who is left when most go takes as much memory as if the others had never been.
#[test]
fn a_compact_index_is_as_large_as_what_it_holds() {
    for case in cases() {
        let mut twin = thinned(Case { dim: 40, ..case }, 600, |id| id % 10 == 3);
        assert!(slots(&twin).iter().sum::<u64>() == 600);
        let done = twin.index.compact(&one_thread()).unwrap();
        assert_eq!((slots(&twin), done.moved), ([60, 0, 0], 54), "{case:?}");
        twin.check();
        twin.reopen();
        twin.add(60, &one_thread());
        twin.check();
        let all: Vec<i64> = std::mem::take(&mut twin.model).into_keys().collect();
        twin.index.remove(&all, false, &one_thread()).unwrap();
        twin.index.compact(&one_thread()).unwrap();
        assert_eq!(slots(&twin), [0, 0, 0]);
        twin.add(30, &one_thread());
        twin.check();
    }
}

/// Up to half of the slots are kept for vectors to come, and those behind the last in use are not.
#[test]
fn a_compact_index_moves_nothing_unless_half_is_free() {
    let twin = thinned(Case { dim: 40, ..cases()[0] }, 600, |id| id % 2 == 0 || id == 3);
    assert_eq!(twin.index.compact(&one_thread()).unwrap().moved, 0);
    assert_eq!(slots(&twin), [301, 0, 298]);
    twin.index.remove(&[3], false, &one_thread()).unwrap();
    assert_eq!(twin.index.compact(&one_thread()).unwrap().moved, 0);
    assert_eq!(slots(&twin), [300, 0, 299]);
    twin.index.remove(&[598], false, &one_thread()).unwrap();
    assert_eq!(twin.index.compact(&one_thread()).unwrap().moved, 149);
    assert_eq!(slots(&twin), [299, 0, 0]);
}

/// A compacting that is stopped between two batches has moved some, and the next one moves the others.
#[test]
fn compacting_can_be_stopped_and_begun_again() {
    let twin = thinned(Case { dim: 16, ..cases()[0] }, 12_000, |id| id % 4 == 0);
    let run = Run::new(1);
    let outcome = std::thread::scope(|scope| {
        let compacting = scope.spawn(|| twin.index.compact(&run));
        // Vectors move in batches of about a thousand.
        while run.done() < 1_500 && !compacting.is_finished() {
            std::thread::yield_now();
        }
        run.cancel();
        compacting.join().unwrap()
    });
    assert!(matches!(outcome, Err(Error::Cancelled)), "{outcome:?}");
    assert!(twin.index.verify(&one_thread()).unwrap().ok());
    assert_eq!(twin.index.len(), 3_000);
    assert!(twin.index.compact(&Run::new(2)).unwrap().moved > 0);
    assert_eq!(slots(&twin), [3_000, 0, 0]);
    assert!(twin.index.verify(&one_thread()).unwrap().ok());
}
