// Node's fetch. Arguments: the server's address, a key, and pairs of a path and the file to post to it. Prints an answer
// a line.
import { readFileSync } from "node:fs";

const [url, key, ...calls] = process.argv.slice(2);
const headers = { "Content-Type": "application/json", Authorization: `Bearer ${key}` };
for (let at = 0; at < calls.length; at += 2) {
  const answer = await fetch(url + calls[at], { method: "POST", headers, body: readFileSync(calls[at + 1]) });
  console.log(`${answer.status} ${await answer.text()}`);
}
