// What npm's caniemail says of each document, one mail program at a time: [[client, title, support], …] or "crash".
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
const { caniemail } = await import(pathToFileURL(process.argv[2] + "/node_modules/caniemail/dist/index.js"));
const { documents, clients } = JSON.parse(readFileSync(0, "utf8"));
const answers = documents.map((html) => {
  const found = [];
  for (const client of clients) {
    try {
      const { issues } = caniemail({ clients: [client], html });
      for (const kind of ["errors", "warnings"])
        for (const [, list] of issues[kind]) for (const issue of [list].flat()) found.push([client, issue.title, issue.support]);
    } catch (error) {
      found.push([client, "crash", String(error.message)]);
    }
  }
  return found;
});
console.log(JSON.stringify(answers));
