'use strict';
// The preload after pg.

const pg = require('pg');
require('winter-sockets/register');

process.on('warning', ({ code, message }) => {
  console.log(JSON.stringify({ code, message, stream: new pg.Client().connection.stream.constructor.name }));
});
