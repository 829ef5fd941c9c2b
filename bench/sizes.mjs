// How much is measured: seconds, bytes and connections. `connections` is the most that is opened where speed is
// measured.

const MiB = 1024 * 1024;

export const sizes = {
  full: {
    warmUp: 0.3,
    seconds: 1,
    batch: 64 * MiB,
    connections: 1000,
    idle: { first: 100, plain: 10_000, tls: 2000 },
    slow: { seconds: 2, offered: 512 * MiB },
  },
  short: {
    warmUp: 0.15,
    seconds: 0.4,
    batch: 16 * MiB,
    connections: 1000,
    idle: { first: 100, plain: 2000, tls: 500 },
    slow: { seconds: 0.5, offered: 128 * MiB },
  },
  /** Says nothing about speed: for a test of the harness. */
  tiny: {
    warmUp: 0,
    seconds: 0.001,
    batch: MiB / 16,
    connections: 4,
    idle: { first: 1, plain: 4, tls: 4 },
    slow: { seconds: 0.01, offered: MiB / 4 },
  },
};
