'use strict';
// Every way to load `cloudflare:sockets` from a CommonJS module, compared with the package by its own name.

const required = require('cloudflare:sockets');
const { connect } = require('winter-sockets');

Promise.all([import('cloudflare:sockets'), import('winter-sockets')]).then(([imported, own]) => {
  console.log(
    JSON.stringify({
      required: required === require('winter-sockets') && required.connect === connect,
      dynamic: imported === own && imported.connect === connect,
    }),
  );
});
