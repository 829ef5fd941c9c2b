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

/** Writes it into a folder, beside a copy of what runs in workerd; returns its path. `ca` is in PEM. */
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
  const path = join(folder, 'workerd.capnp');
  writeFileSync(path, configuration(embedded));
  return path;
}

function configuration(embedded) {
  return `
    using Workerd = import "/workerd/workerd.capnp";
    const config :Workerd.Config = (
      v8Flags = ["--expose-gc"],
      services = [
        (name = "main", worker = (
          modules = [${embedded.join(', ')}],
          bindings = [(name = "METER", service = "meter")],
          compatibilityDate = "2026-11-01",
          compatibilityFlags = ["nodejs_compat"],
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
