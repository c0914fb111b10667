/// JSON text of this length, different for each seed.
pub(crate) fn text(len: usize, seed: u64) -> String {
    let mut state = seed;
    let mut below = move |bound: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let mut text = String::new();
    while text.len() < len {
        text.push_str(&format!(
            "{{\"id\":{},\"user\":\"{}\",\"price\":{}.{:02},\"side\":\"{}\"}},",
            below(1_000_000),
            ["alice", "bob", "carol", "dave", "erin"][below(5) as usize],
            below(1000),
            below(100),
            ["buy", "sell"][below(2) as usize],
        ));
    }
    text.truncate(len);
    text
}
