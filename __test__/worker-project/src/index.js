// src/index.js
import { Client } from 'pg';
import { isUp } from './health.js';

export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname === '/health') return Response.json({ up: await isUp(new URL(env.DB.connectionString)) });

    const client = new Client({ connectionString: env.DB.connectionString });
    await client.connect();
    try {
      if (request.method === 'POST') {
        await client.query('INSERT INTO notes (text) VALUES ($1)', [await request.text()]);
        return new Response(null, { status: 201 });
      }
      const { rows } = await client.query('SELECT id, text FROM notes ORDER BY id');
      return Response.json({ title: env.TITLE, notes: rows });
    } finally {
      ctx.waitUntil(client.end());
    }
  },
};
