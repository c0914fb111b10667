//! Seeded streams, and every row of the table met by one of them: none is there for nothing.
//!
//! `cargo xtask differential` runs them.

use std::collections::BTreeMap;

use bowline_proto_fuzz_rivals::{
    Course, DIFFERENCES, Rival, Role, Wsproto, compare, explain, sort, stream,
};

const STREAMS: u64 = 20_000;

#[test]
fn tungstenite_differs_where_it_is_known_to() {
    survey(&mut Rival::Tungstenite);
}

#[test]
fn fastwebsockets_differs_where_it_is_known_to() {
    survey(&mut Rival::Fastwebsockets);
}

#[test]
fn wsproto_differs_where_it_is_known_to() {
    let packages = std::env::var("BOWLINE_WSPROTO").expect("`cargo xtask differential` sets it");
    survey(&mut Rival::Wsproto(Wsproto::start(&packages).unwrap()));
}

#[test]
fn what_the_fuzzer_kept_is_explained() {
    for (rival, name) in [
        (Rival::Tungstenite, "rival_tungstenite"),
        (Rival::Fastwebsockets, "rival_fastwebsockets"),
    ] {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/");
        let files = std::fs::read_dir(format!("{corpus}{name}")).unwrap();
        let inputs: Vec<_> = files
            .map(|file| std::fs::read(file.unwrap().path()).unwrap())
            .collect();
        assert!(!inputs.is_empty());
        let mut rival = rival;
        for input in inputs {
            compare(&mut rival, &input);
        }
    }
}

fn survey(rival: &mut Rival) {
    let name = rival.name();
    let first = bowline_testing::random::seed();
    let mut met = vec![0_u32; DIFFERENCES.len()];
    let mut unknown: BTreeMap<String, (u64, Role, Course, Course)> = BTreeMap::new();
    for seed in first..first + STREAMS {
        for role in [Role::Server, Role::Client] {
            match explain(rival, role, &stream(role, seed)) {
                Ok(None) => {}
                Ok(Some(row)) => {
                    let at = DIFFERENCES
                        .iter()
                        .position(|other| std::ptr::eq(row, other));
                    met[at.expect("a row of the table")] += 1;
                }
                Err((ours, theirs)) => {
                    // One of a sort is enough to look at.
                    let sort = format!("{:?}", sort(&ours, &theirs));
                    unknown.entry(sort).or_insert((seed, role, ours, theirs));
                }
            }
        }
    }
    for (sort, (seed, role, ours, theirs)) in &unknown {
        println!("{name}, {sort}: seed {seed} as {role:?}\n  ours   {ours:?}\n  theirs {theirs:?}");
    }
    assert!(
        unknown.is_empty(),
        "differences that the table doesn't list"
    );
    for (row, met) in DIFFERENCES.iter().zip(met) {
        if row.rival == name {
            println!("{met:6} {name} {:?} {:?}", row.ours, row.theirs);
            assert_ne!(met, 0, "{row:?} is never met");
        }
    }
    println!("{} streams for {name}", 2 * STREAMS);
}
