// How Chromium is started.

import { library } from "./exchange.mjs";

/// The browser that the program at `executablePath` is.
export function launch(executablePath) {
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
    ],
  });
}
