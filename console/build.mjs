// Bundles src/ into dist/, which is committed and embedded in the binary: cargo never needs npm.
//
//   npm ci && node build.mjs           writes dist/
//   node build.mjs --check             fails if dist/ is not what src/ gives
//   node build.mjs --out DIR           writes elsewhere

import { build } from "esbuild";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const given = process.argv.slice(2);
const out = given.includes("--out") ? given[given.indexOf("--out") + 1] : join(here, "dist");

/** What the whole bundle may weigh, compressed. */
const BYTES_MAX = 400_000;

const bundled = await build({
  absWorkingDir: here,
  entryPoints: { console: "src/main.js", "console-style": "src/style.css" },
  outdir: out,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  legalComments: "inline",
  write: false,
});
const files = new Map(bundled.outputFiles.map((file) => [file.path.split("/").pop(), file.text]));
files.set("index.html", await readFile(join(here, "src/index.html"), "utf8"));

const weight = [...files.values()].reduce((sum, text) => sum + gzipSync(text).length, 0);
if (weight > BYTES_MAX) {
  console.error(`the bundle has ${weight} bytes compressed, and may have ${BYTES_MAX}`);
  process.exit(1);
}

if (given.includes("--check")) {
  for (const [name, text] of files) {
    const kept = await readFile(join(here, "dist", name), "utf8").catch(() => "");
    if (kept !== text) {
      console.error(`console/dist/${name} is not what console/src gives: run node build.mjs in console/`);
      process.exit(1);
    }
  }
} else {
  await mkdir(out, { recursive: true });
  for (const [name, text] of files) {
    await writeFile(join(out, name), text);
  }
}
console.log(`${files.size} files, ${weight} bytes compressed`);
if (given.includes("--check")) console.log("1 passed, 0 failed");
