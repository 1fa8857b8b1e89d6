// The browser of the package starts and shows a page: `npm run browser`.
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';
import { packaged } from './chromium.mjs';

const browser = await chromium.launch({ ...packaged(), headless: true, args: ['--no-sandbox', '--disable-gpu'] });
const page = await browser.newPage();
await page.setContent('<h1>FlowMart</h1>');
assert.equal(await page.textContent('h1'), 'FlowMart');
assert((await page.screenshot()).length > 1000, 'it draws');
console.log(`Chromium ${browser.version()} of the package`);
await browser.close();
