//! What is kept of vectors: how near the answers stay, and how many bytes it takes.

mod support;

use support::{Numbers, kept, one_thread};
use vicinal_core::{
    Dtype, Error, Hits, Index, Layout, Matrix, Metric, Params, PlanChoice, Run, SearchOptions, Store, knn,
};

const DIM: usize = 48;
const K: usize = 10;

fn params(metric: Metric, dim: usize, layout: Layout, store: Store) -> Params {
    Params { dim, metric, dtype: Dtype::F32, m: 16, ef_construction: 100, seed: 1, level_p: None, layout, store }
}

fn matrix(values: &[f32], dim: usize) -> Matrix<'_> {
    Matrix { bytes: bytemuck::cast_slice(values), rows: values.len() / dim }
}

fn built(params: Params, values: &[f32]) -> Index {
    let dim = params.dim;
    let index = Index::new(params).unwrap();
    index.add(matrix(values, dim), None, &Run::new(0)).unwrap();
    index
}

/// Rows around a few hundred centres, `scale` apart and `offset` from the origin.
fn clustered(numbers: &mut Numbers, rows: usize, offset: f32, scale: f32) -> Vec<f32> {
    let centres: Vec<f32> = (0..200 * DIM).map(|_| offset + 2.0 * scale * numbers.normal()).collect();
    let mut values = Vec::with_capacity(rows * DIM);
    for _ in 0..rows {
        let centre = numbers.next() as usize % 200 * DIM;
        values.extend(centres[centre..centre + DIM].iter().map(|x| x + scale * numbers.normal()));
    }
    values
}

fn by_graph(index: &Index, queries: &[f32], ef_search: usize) -> Hits {
    let options = SearchOptions { k: K, ef_search, counters: true, plan: PlanChoice::Graph };
    index.search(matrix(queries, index.params().dim), &options, None, &Run::new(0)).unwrap()
}

/// The share of true neighbours, those of the vectors that were given, that are found.
fn recall(index: &Index, rows: &[f32], queries: &[f32], ef_search: usize) -> f64 {
    let Params { dim, metric, .. } = *index.params();
    let truth = knn(matrix(rows, dim), matrix(queries, dim), dim, metric, Dtype::F32, K, &Run::new(0)).unwrap();
    let found = by_graph(index, queries, ef_search);
    let pairs = found.ids.chunks(K).zip(truth.ids.chunks(K));
    pairs.map(|(found, truth)| found.iter().filter(|id| truth.contains(id)).count()).sum::<usize>() as f64
        / truth.ids.len() as f64
}

#[test]
fn halves_find_what_floats_find_and_levels_nearly() {
    for (metric, offset) in [(Metric::Cosine, 0.0), (Metric::Ip, 0.0), (Metric::L2, 20.0)] {
        for layout in [Layout::Compact, Layout::Fast] {
            let values = clustered(&mut Numbers::new(3), 2_700, offset, 1.0);
            let (queries, rows) = values.split_at(300 * DIM);
            let indexes =
                [Store::Given, Store::F16, Store::None].map(|store| built(params(metric, DIM, layout, store), rows));
            for ef_search in [20, 60] {
                let [given, halves, levels] = indexes.each_ref().map(|index| recall(index, rows, queries, ef_search));
                let what = format!("{metric:?}, {layout:?}, offset {offset}, ef_search {ef_search}: {given} of floats");
                assert!(halves >= given - 0.005, "{what}, {halves} of halves");
                assert!(levels >= given - 0.025, "{what}, {levels} of levels");
            }
        }
    }
}

/// Scale and place of the data change by orders of magnitude while it comes. Nothing was learned from what came first.
#[test]
fn levels_fit_data_that_drifts() {
    let mut numbers = Numbers::new(4);
    let [levels, floats] =
        [Store::None, Store::Given].map(|store| Index::new(params(Metric::L2, DIM, Layout::Compact, store)).unwrap());
    let mut rows = Vec::new();
    let mut queries = Vec::new();
    for (offset, scale) in [(0.0, 1.0), (30.0, 1.0), (-1e3, 100.0), (10.0, 1e-3), (1e6, 1e5)] {
        let values = clustered(&mut numbers, 1_100, offset, scale);
        let (asked, added) = values.split_at(100 * DIM);
        for index in [&levels, &floats] {
            index.add(matrix(added, DIM), None, &one_thread()).unwrap();
        }
        rows.extend_from_slice(added);
        queries.push(asked.to_vec());
    }
    for (part, queries) in queries.iter().enumerate() {
        let [levels, floats] = [&levels, &floats].map(|index| recall(index, &rows, queries, 60));
        assert!(levels >= floats - 0.05, "part {part}: recall {levels}, {floats} of floats");
    }
}

#[test]
fn distances_and_vectors_are_of_what_is_kept() {
    let values = clustered(&mut Numbers::new(5), 600, 0.0, 1.0);
    let (queries, rows) = values.split_at(50 * DIM);
    for metric in [Metric::L2, Metric::Cosine, Metric::Ip] {
        for (layout, store) in
            [(Layout::Compact, Store::F16), (Layout::Fast, Store::F16), (Layout::Compact, Store::None)]
        {
            let index = built(params(metric, DIM, layout, store), rows);
            let vectors = index.get(&index.ids().unwrap()).unwrap();
            assert!(vectors == kept(store, DIM, bytemuck::cast_slice(rows)), "{store:?}");
            let kept = Matrix { bytes: &vectors, rows: rows.len() / DIM };
            let truth = knn(kept, matrix(queries, DIM), DIM, metric, Dtype::F32, K, &one_thread()).unwrap();
            let exact = index.search_exact(matrix(queries, DIM), K, false, &one_thread()).unwrap();
            assert_eq!((&exact.ids, &exact.distances), (&truth.ids, &truth.distances), "{metric:?}, {store:?}");
            let asked = matrix(&queries[..DIM], DIM);
            assert_eq!(index.distances(asked, &truth.ids[..K]).unwrap(), &truth.distances[..K]);
            let radius = f64::from(truth.distances[K - 1]);
            let near = index.search_radius(asked, radius, None, None, &one_thread()).unwrap();
            assert_eq!(near.distances, &truth.distances[..K], "{metric:?}, {store:?}");
        }
    }
}

/// An index takes so many bytes of memory a vector, links and ids included; `hnswlib`'s, for comparison, 782 at 128
/// dimensions and 1,806 at 384, and `SymqgIndex`'s 1,437 and 3,471.
#[test]
fn bytes_of_a_vector() {
    let bytes = |dim, layout, store| {
        let mut numbers = Numbers::new(6);
        let values: Vec<f32> = (0..3_000 * dim).map(|_| numbers.normal()).collect();
        let index = built(params(Metric::Cosine, dim, layout, store), &values);
        index.stats(&one_thread()).unwrap().bytes.iter().map(|(_, bytes)| bytes).sum::<u64>() / 3_000
    };
    for (dim, layout, store, most) in [
        (128, Layout::Compact, Store::Given, 782),
        (128, Layout::Compact, Store::F16, 782 * 7 / 10),
        (128, Layout::Compact, Store::None, 782 / 5 * 2),
        (128, Layout::Fast, Store::Given, 1_437 * 11 / 10),
        (128, Layout::Fast, Store::F16, 1_437 * 6 / 7),
        (128, Layout::Fast, Store::None, 1_437 * 4 / 5),
        (384, Layout::Compact, Store::Given, 1_806),
        (384, Layout::Compact, Store::F16, 1_806 * 3 / 4),
        (384, Layout::Compact, Store::None, 1_806 / 3),
        (384, Layout::Fast, Store::Given, 3_471 * 10 / 9),
        (384, Layout::Fast, Store::F16, 3_471 * 7 / 8),
        (384, Layout::Fast, Store::None, 3_471 * 4 / 5),
    ] {
        let bytes = bytes(dim, layout, store);
        assert!(bytes <= most, "{bytes} bytes at {dim} dimensions, {layout:?}, {store:?}: more than {most}");
    }
}

#[test]
fn what_halves_cannot_hold_is_refused_at_the_door() {
    let index = Index::new(params(Metric::L2, 2, Layout::Compact, Store::F16)).unwrap();
    index.add(matrix(&[65_504.0, 1.0], 2), None, &one_thread()).unwrap();
    let error = index.add(matrix(&[1.0, 2.0, 3.0, -70_000.0], 2), None, &one_thread()).unwrap_err();
    let expected = "row 1: component 1 is -70000, beyond what f16 holds (65,504)";
    assert!(matches!(&error, Error::Invalid(message) if message.starts_with(expected)), "{error}");
    assert_eq!(index.len(), 1);

    let index = Index::new(params(Metric::Cosine, 2, Layout::Compact, Store::F16)).unwrap();
    let error = index.add(matrix(&[1e-9, 1e-9], 2), None, &one_thread()).unwrap_err().to_string();
    assert!(error.starts_with("row 0: rounded to f16, is a zero vector"), "{error}");
    assert!(index.is_empty());
}

#[test]
fn only_floats_are_kept_otherwise() {
    for dtype in [Dtype::F16, Dtype::U8] {
        assert!(Store::named(Some("none"), dtype).unwrap_err().to_string().contains("does not go with dtype"));
        assert_eq!(Store::named(Some(dtype.as_str()), dtype).unwrap(), Store::Given);
        let params = Params { dtype, ..params(Metric::L2, 2, Layout::Compact, Store::None) };
        assert!(Index::new(params).is_err());
    }
    assert!(Store::named(Some("f64"), Dtype::F32).unwrap_err().to_string().contains("unknown store"));
}
