import { open, outcome, outcomes, PATIENCE, readAll } from '../observe.mjs';

const bytes = (text) => new TextEncoder().encode(text);

/** A stream of these chunks. */
const from = (...chunks) =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });

/** What reading the end through something sets off. */
const endThrough = (consume) => async (context) => {
  const { socket, peer } = await open(context, 'closer');
  const read = await outcome(consume(socket));
  return { read, closed: await outcome(socket.closed, PATIENCE), peer: await peer.ending() };
};

export default {
  'the end through Response': endThrough(({ readable }) => new Response(readable).text()),
  'the end through TextDecoderStream': endThrough(({ readable }) =>
    readAllText(readable.pipeThrough(new TextDecoderStream())),
  ),
  'the end through TransformStream': endThrough(({ readable }) =>
    readAll(readable.pipeThrough(new TransformStream({ transform: (chunk, out) => out.enqueue(chunk) })).getReader()),
  ),
  'the end through for await': endThrough(async ({ readable }) => {
    let text = '';
    for await (const chunk of readable) text += new TextDecoder().decode(chunk);
    return text;
  }),
  'the end through tee()': endThrough(async ({ readable }) => {
    const texts = await Promise.all(readable.tee().map((branch) => readAll(branch.getReader())));
    return texts.join();
  }),
  'the end through a pipe into the same socket': endThrough(({ readable, writable }) => readable.pipeTo(writable)),

  'a pipe into the socket': async (context) => {
    const { socket, peer } = await open(context, 'sink');
    const pipe = await outcome(from(bytes('one '), 'two').pipeTo(socket.writable));
    const { text, ending } = await peer.ended();
    return { pipe, received: text, peer: ending };
  },

  'a pipe into the socket that leaves it open': async (context) => {
    const { socket, peer } = await open(context, 'sink');
    const pipe = await outcome(from(bytes('one ')).pipeTo(socket.writable, { preventClose: true }));
    await socket.writable.getWriter().write(bytes('two'));
    return { pipe, received: (await peer.received(7)).text, peer: await peer.ending() };
  },

  'a pipe of text': async (context) => {
    const { socket, peer } = await open(context, 'sink');
    const source = from('é', 'x').pipeThrough(new TextEncoderStream());
    return { pipe: await outcome(source.pipeTo(socket.writable)), received: (await peer.ended()).text };
  },

  'a pipe of a number': async (context) => {
    const { socket } = await open(context, 'sink');
    return outcome(from(bytes('one'), 5).pipeTo(socket.writable));
  },

  'a pipe from a stream that fails': async (context) => {
    const { socket, peer } = await open(context, 'sink');
    const source = new ReadableStream({ start: (controller) => controller.error('my reason') });
    const pipe = await outcome(source.pipeTo(socket.writable));
    const write = await outcome(socket.writable.getWriter().write(bytes('x')));
    return { pipe, write, peer: await peer.ending() };
  },

  'two sockets piped into each other': async (context) => {
    const { socket: client } = await open(context, 'halfOpen');
    const { socket: upstream, peer } = await open(context, 'halfOpen');
    const forth = outcomes({ pipe: client.readable.pipeTo(upstream.writable) });
    await client.writable.getWriter().close();
    const { pipe } = await forth;
    return { pipe, received: (await peer.ended()).text };
  },

  'the readable as the body of a Request': async (context) => {
    const { socket } = await open(context, 'closer');
    const request = new Request('http://localhost/', { method: 'POST', body: socket.readable, duplex: 'half' });
    return outcome(request.text());
  },
};

async function readAllText(readable) {
  let text = '';
  const reader = readable.getReader();
  for (let result = await reader.read(); !result.done; result = await reader.read()) text += result.value;
  return text;
}
