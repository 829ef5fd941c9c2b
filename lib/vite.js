'use strict';
// The plugin for Vite and Vitest.

const { pathToFileURL } = require('node:url');

const NAME = 'cloudflare:sockets';
// The zero byte keeps other plugins off.
const MODULE = `\0${NAME}`;
const register = require.resolve('./register/index.js');

module.exports.winterSockets = function winterSockets() {
  return {
    name: 'winter-sockets',
    // Before Vite's own resolver, which takes the name for a package that is missing.
    enforce: 'pre',

    /** Where the platform has the API itself, or where there is no such API at all, nothing is to be replaced. */
    applyToEnvironment({ config }) {
      return config.consumer === 'server' && !config.resolve.conditions.includes('workerd');
    },

    config: () => ({
      // A package that is linked into node_modules would be taken for source code, and there is no `require()` in that.
      ssr: { external: ['winter-sockets'] },
      // Vitest loads dependencies in processes and threads of its own.
      test: { execArgv: ['--import', pathToFileURL(register).href] },
    }),

    configureServer() {
      require(register);
    },

    // A module of its own, since the name alone would not be looked up the way a dependency is.
    resolveId: (id) => (id === NAME ? MODULE : null),
    load: (id) => (id === MODULE ? "export * from 'winter-sockets';" : null),
  };
};
