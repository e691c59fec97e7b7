//! Searches, additions, replacements, removals, compaction and saving, all at once: what is answered is true, and what
//! threads share is shared without a race (`make tsan`).

mod support;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use support::{Numbers, folder, matrix, one_thread};
use vicinal_core::{Dtype, Index, Layout, Metric, Params, PlanChoice, Run, SearchOptions, Store};

const DIM: usize = 8;
/// Ids of each writer, and the vectors that an id has one after another.
const OWN: usize = 60;
const WRITERS: usize = 2;
const VERSIONS: u32 = 12;

fn vector(id: i64, version: u32) -> [f32; DIM] {
    let mut numbers = Numbers::new((id as u64) << 32 | u64::from(version));
    std::array::from_fn(|_| numbers.normal())
}

fn rows(ids: &[i64], version: u32) -> Vec<u8> {
    ids.iter().flat_map(|&id| vector(id, version)).flat_map(f32::to_le_bytes).collect()
}

/// Puts all of its ids in, replaces some of them, takes some out, again and again.
fn write(index: &Index, writer: usize, versions: &[AtomicU32]) {
    let all: Vec<i64> = (0..OWN).map(|i| (writer * OWN + i) as i64).collect();
    for version in 0..VERSIONS {
        for part in all.chunks(OWN / 3) {
            // Announced before it is there: who finds it must have known.
            part.iter().for_each(|&id| versions[id as usize].store(version + 1, Ordering::Release));
            index.upsert(matrix(&rows(part, version), part.len()), part, &Run::new(1 + writer)).unwrap();
        }
        let gone: Vec<i64> = all.iter().copied().filter(|id| (id + i64::from(version)) % 3 == 0).collect();
        assert_eq!(index.remove(&gone, false, &one_thread()).unwrap(), gone.len());
    }
}

fn search(index: &Index, seed: u64, versions: &[AtomicU32], done: &AtomicBool) {
    let mut numbers = Numbers::new(seed);
    let mut rounds = 0;
    while !done.load(Ordering::Acquire) || rounds < 3 {
        let query: [f32; DIM] = std::array::from_fn(|_| numbers.normal());
        let bytes: Vec<u8> = query.iter().flat_map(|x| x.to_le_bytes()).collect();
        let plan = if rounds % 2 == 0 { PlanChoice::Graph } else { PlanChoice::Scan };
        let options = SearchOptions { k: 10, ef_search: 40, counters: false, plan };
        let found = index.search(matrix(&bytes, 1), &options, None, &one_thread()).unwrap();
        let found = found.ids.iter().zip(&found.distances).take(found.counts[0] as usize);
        assert!(found.clone().map(|(_, distance)| distance).is_sorted());
        let distinct: HashSet<i64> = found.clone().map(|(&id, _)| id).collect();
        assert_eq!(distinct.len(), found.len());
        for (&id, &distance) in found {
            let to = |version| {
                let vector = vector(id, version);
                query.iter().zip(vector).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
            };
            let known = versions[id as usize].load(Ordering::Acquire);
            assert!((0..known).any(|version| (to(version) - f64::from(distance)).abs() < 1e-4), "{id} at {distance}");
        }
        rounds += 1;
    }
}

#[test]
fn all_at_once_is_safe() {
    for layout in Layout::ALL {
        let params = Params {
            dim: DIM,
            metric: Metric::L2,
            dtype: Dtype::F32,
            m: 4,
            ef_construction: 20,
            seed: 3,
            level_p: Some(0.3),
            layout: *layout,
            store: Store::Given,
        };
        let (index, done, folder) = (Index::new(params).unwrap(), AtomicBool::new(false), folder());
        let versions: Vec<AtomicU32> = (0..WRITERS * OWN).map(|_| AtomicU32::new(0)).collect();
        let (index, done, versions) = (&index, &done, &versions[..]);
        let path = folder.path().join("a.vicinal");
        thread::scope(|scope| {
            let writers: Vec<_> =
                (0..WRITERS).map(|writer| scope.spawn(move || write(index, writer, versions))).collect();
            (0..2).for_each(|seed| _ = scope.spawn(move || search(index, seed, versions, done)));
            scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    index.compact(&one_thread()).unwrap();
                    index.save(&path).unwrap();
                    assert!(Index::open(&path, true).unwrap().verify(&one_thread()).unwrap().ok());
                    assert_eq!(index.stats(&one_thread()).unwrap().loose_parts, 0);
                }
            });
            let outcomes: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
            done.store(true, Ordering::Release);
            outcomes.into_iter().for_each(|outcome| outcome.unwrap());
        });
        let report = index.verify(&one_thread()).unwrap();
        assert!(report.ok(), "{report:?}");
        assert_eq!(index.len(), WRITERS * OWN - WRITERS * OWN / 3);
    }
}
