// How Chromium is started.

import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";

import { library } from "./exchange.mjs";

/// The browser that the program at `executablePath` is. It accepts what servers show with the key of `certificate`, a
/// file, whoever has issued that, and verifies all others: it can be given no authority but the system's.
export function launch(executablePath, certificate) {
  return library("playwright-core").chromium.launch({
    executablePath,
    args: [
      // Whoever runs this as root, or in a container, has no sandbox.
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
      "--no-proxy-server",
      ...(certificate ? [`--ignore-certificate-errors-spki-list=${fingerprint(certificate)}`] : []),
    ],
  });
}

function fingerprint(certificate) {
  const { publicKey } = new X509Certificate(readFileSync(certificate));
  return createHash("sha256").update(publicKey.export({ type: "spki", format: "der" })).digest("base64");
}
