// Each document through npm's mjml and juice, warm: prints the median milliseconds of a compile.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
const require = createRequire(process.argv[2] + "/");
const loaded = require("mjml");
const mjml2html = loaded.default ?? loaded;
const juice = require("juice");
const { documents, css, warm } = JSON.parse(readFileSync(0, "utf8"));
const times = [];
for (const [number, mjml] of documents.entries()) {
  const begin = process.hrtime.bigint();
  const { html } = await mjml2html(mjml, { fonts: {}, validationLevel: "soft" });
  juice.inlineContent(html, css, { preserveImportant: true });
  if (number >= warm) times.push(Number(process.hrtime.bigint() - begin) / 1e6);
}
times.sort((a, b) => a - b);
console.log(times[times.length >> 1]);
