// The configuration of workerd for the benchmark: loopback is reachable and the authority of the server trusted; nothing
// else differs from the defaults.

import { cpSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const IMPLEMENTATION = 'implementations/workerd.mjs';
const COPIED = ['client', 'scenarios', IMPLEMENTATION];
const WORKER = 'client/worker.mjs';
const CA_FILE = 'ca.pem';

/**
 * Writes it into a folder, beside a copy of what runs in workerd; returns the paths `{ usual, collecting }`, the second one
 * for what calls the garbage collector. `ca` is in PEM.
 */
export function writeWorkerdConfig(folder, ca) {
  // A configuration can only embed what lies beside it.
  for (const name of COPIED) cpSync(join(here, name), join(folder, name), { recursive: true });
  writeFileSync(join(folder, CA_FILE), ca);
  const listed = ['client', 'scenarios'].flatMap((name) =>
    readdirSync(join(here, name)).map((file) => `${name}/${file}`),
  );
  // The first one is the worker.
  const modules = new Set([WORKER, IMPLEMENTATION, ...listed]);
  const embedded = [...modules].map((path) => `(name = "${path}", esModule = embed "${path}")`);
  const write = (name, flags) => {
    const path = join(folder, `${name}.capnp`);
    writeFileSync(path, configuration(embedded, flags));
    return path;
  };
  // With the flag workerd compiles at its start what it otherwise has compiled.
  return { usual: write('usual', []), collecting: write('collecting', ['--expose-gc']) };
}

function configuration(embedded, flags) {
  return `
    using Workerd = import "/workerd/workerd.capnp";
    const config :Workerd.Config = (
      v8Flags = [${flags.map((flag) => `"${flag}"`).join(', ')}],
      services = [
        (name = "main", worker = (
          modules = [${embedded.join(', ')}],
          bindings = [(name = "METER", service = "meter")],
          compatibilityDate = "2026-11-01",
          globalOutbound = "network",
        )),
        (name = "meter", external = (http = ())),
        (name = "network", network = (
          allow = ["local"],
          tlsOptions = (trustedCertificates = [embed "${CA_FILE}"]),
        )),
      ],
      sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
    );
  `;
}
