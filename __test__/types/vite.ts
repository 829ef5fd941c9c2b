// The plugin is one, as Vite and Vitest declare them.
import type { PluginOption } from 'vite';
import { defineConfig } from 'vitest/config';
import { winterSockets } from 'winter-sockets/vite';
import { accept } from './assert.js';

accept<PluginOption>(winterSockets());
export default defineConfig({ plugins: [winterSockets()] });
