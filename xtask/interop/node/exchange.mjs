// What the node peers share: libraries, the messages they exchange, and the parameters of permessage-deflate.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

/// The packages that NODE_PATH leads to, which `import` doesn't look at.
export const library = createRequire(import.meta.url);

export const samples = [
  "hi",
  "",
  "Grüße, 世界 🪢",
  Buffer.alloc(0),
  Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
  "x".repeat(2 ** 20),
  Buffer.alloc(2 ** 20),
];

/// Texts and bytes of up to `longest` bytes, most of them short; some compress well and some don't.
export function* seeded(seed, count, longest) {
  const below = randomness(seed);
  for (let at = 0; at < count; at += 1) {
    const size = Math.floor(2 ** ((below(1000) / 1000) * Math.log2(longest + 1))) - 1;
    const bytes = (length, bound) => Buffer.from({ length }, (_) => 0).map(() => below(bound));
    switch (below(4)) {
      case 0: yield bytes(size, 8).map((byte) => byte + 97).toString(); break;
      case 1: yield Array.from({ length: size >> 2 }, () => ["a", "ß", "世", "🪢"][below(4)]).join(""); break;
      case 2: yield bytes(size, 256); break;
      case 3: yield Buffer.alloc(size, bytes(8, 256)); break;
    }
  }
}

/// Messages with a content and a length of many kinds: each content with each of the lengths that matter first, then with
/// lengths of up to `longest` bytes, most of them short. Needs nothing from outside, since it also runs in a page.
export function* mixed(seed, count, longest) {
  let state = (seed % 2147483646) + 1;
  const below = (bound) => {
    state = (state * 48271) % 2147483647;
    return state % bound;
  };
  const record = () => `{"id":${below(1e6)},"name":"user ${below(1e6)}","tags":["a","b"],"active":true},`;
  const contents = [
    Array.from({ length: longest / 40 }, record).join(""),
    Array.from({ length: longest }, () => ["a", "ß", "世", "🪢"][below(4)]).join(""),
    Uint8Array.from({ length: 2 * longest }, () => below(256)),
    new Uint8Array(2 * longest),
    "round and round, ".repeat(longest / 8),
  ];
  const lengths = [0, 1, 125, 126, 2 ** 16 - 1, 2 ** 16, longest];
  for (let number = 0; number < count; number += 1) {
    const content = contents[number % contents.length];
    let length = lengths[number % lengths.length];
    if (number >= contents.length * lengths.length) {
      length = Math.floor(2 ** ((below(1000) / 1000) * Math.log2(longest)));
    }
    const start = below(content.length - Math.min(length, content.length) + 1);
    const part = content.slice(start, start + length);
    // Half a character at either end can't be sent.
    yield typeof part === "string" ? part.replace(/^[\udc00-\udfff]|[\ud800-\udbff]$/g, "") : part;
  }
}

/// Numbers below a bound, the same ones for the same seed: a generator by Lehmer.
export function randomness(seed) {
  let state = (seed % 2147483646) + 1;
  return (bound) => {
    state = (state * 48271) % 2147483647;
    return state % bound;
  };
}

/// `"a=10 b"` as `{ a: 10, b: true }`, with names as JavaScript writes them.
export function deflate(parameters) {
  const pairs = parameters.split(" ").filter(Boolean).map((parameter) => {
    const [name, value] = parameter.split("=");
    const camel = name.replace(/_./g, (letter) => letter[1].toUpperCase());
    return [camel, value ? Number(value) : true];
  });
  return Object.fromEntries(pairs);
}

/// Fails unless the extensions that were negotiated hold the words that are wanted, or there are neither.
export function assertNegotiated(negotiated, wanted) {
  const words = wanted.split(" ").filter(Boolean);
  const right = Boolean(negotiated) === words.length > 0 && words.every((word) => negotiated.includes(word));
  assert.ok(right, `negotiated: ${negotiated}`);
}
