#!/bin/sh
# Fetch the pinned third-party JavaScript that is kept in this repository, and its licence.
#
#   sh viewers/vendor.sh
#
# Needs npm, and a registry that npm is configured for. Run it only to change a version: the result is committed,
# so that neither a user's machine nor the page in the browser ever fetches anything.
set -eu

OPENSEADRAGON=6.1.1
THREEDMOL=2.5.5

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
assets="$here/slide_viewer/assets"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cd "$scratch"
npm pack --silent "openseadragon@$OPENSEADRAGON"
tar -xzf "openseadragon-$OPENSEADRAGON.tgz"
mkdir -p "$assets"
# The source map is not shipped, so the line that points at it would only give a 404 in the browser's tools.
sed '/^\/\/# sourceMappingURL=/d' package/build/openseadragon/openseadragon.min.js > "$assets/openseadragon.min.js"
cp package/LICENSE.txt "$assets/openseadragon.LICENSE.txt"
echo "openseadragon $OPENSEADRAGON" > "$assets/VERSIONS.txt"

assets="$here/structure_viewer/assets"
npm pack --silent "3dmol@$THREEDMOL"
rm -rf package
tar -xzf "3dmol-$THREEDMOL.tgz"
mkdir -p "$assets"
sed '/^\/\/# sourceMappingURL=/d' package/build/3Dmol-min.js > "$assets/threedmol.min.js"
# Its licence, and those of what is built into it.
cp package/LICENSE "$assets/threedmol.LICENSE.txt"
if [ -f package/build/3Dmol-min.js.LICENSE.txt ]; then
  printf '\n\n' >> "$assets/threedmol.LICENSE.txt"
  cat package/build/3Dmol-min.js.LICENSE.txt >> "$assets/threedmol.LICENSE.txt"
fi
echo "3dmol $THREEDMOL" > "$assets/VERSIONS.txt"
