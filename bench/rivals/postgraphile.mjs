// PostGraphile 5 over the plain tables, as its documentation serves it, told by its standard input
// like bench/child.py: where the parts are, then questions, then the end.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import pg from "pg";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { grafserv } from "postgraphile/grafserv/node";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";

const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);

async function serve({ endpoints, user, password }) {
  const pool = new pg.Pool({
    host: endpoints.database_host,
    port: endpoints.database_port,
    database: endpoints.database_name,
    user,
    password,
    max: 10,
  });
  const instance = postgraphile({
    extends: [PostGraphileAmberPreset],
    pgServices: [makePgService({ pool, schemas: ["plain"] })],
    grafserv: { watch: false, graphiql: false },
    grafast: { explain: false },
  });
  const server = createServer();
  await instance.createServ(grafserv).addTo(server);
  await instance.getSchema();
  server.listen(0, "127.0.0.1", () => say(server.address().port));
}

const lines = createInterface({ input: process.stdin });
let told = false;
lines.on("line", (line) => {
  if (!told) {
    told = true;
    serve(JSON.parse(line)).catch((error) => {
      console.error(error);
      process.exit(1);
    });
  } else if (line.trim() === "cpu") {
    const { user, system } = process.cpuUsage();
    say((user + system) * 1000);
  } else {
    say(null);
  }
});
lines.on("close", () => process.exit(0));
