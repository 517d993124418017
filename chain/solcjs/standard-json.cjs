// Standard JSON in on stdin, standard JSON out on stdout, like the native compiler's --standard-json.
// The stock `solcjs --standard-json` also prints a banner to stdout, which no JSON reader survives.
"use strict";

const fs = require("node:fs");
const path = require("node:path");

function option(name, fallback) {
  const at = process.argv.indexOf(name);
  return at < 0 ? fallback : process.argv[at + 1];
}

const root = path.resolve(__dirname, "../..");
const base = path.resolve(option("--base-path", root));
const solc = require(path.join(root, "contracts/node_modules/solc"));

function importFile(unit) {
  const file = path.resolve(base, unit);
  if (!file.startsWith(base + path.sep)) {
    return { error: `${unit} lies outside ${base}` };
  }
  try {
    return { contents: fs.readFileSync(file, "utf8") };
  } catch (error) {
    return { error: `${unit} not found in ${base} (${error.code})` };
  }
}

if (process.argv.includes("--version")) {
  process.stdout.write(`solc, the solidity compiler\nVersion: ${solc.version()}\n`);
} else {
  const output = solc.compile(fs.readFileSync(0, "utf8"), { import: importFile });
  // fs.writeSync loops until the pipe took everything; process.stdout may be cut off at exit.
  let bytes = Buffer.from(output, "utf8");
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(fs.writeSync(1, bytes));
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
    }
  }
}
