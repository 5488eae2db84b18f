#!/bin/sh
# Fetch the pinned third-party JavaScript that is kept in this repository, and its licence.
#
#   sh viewers/web/vendor.sh
#
# Needs npm, and a registry that npm is configured for. Run it only to change a version: the result is committed,
# so that neither a user's machine nor the page in the browser ever fetches anything.
set -eu

OPENSEADRAGON=6.1.1
THREEDMOL=2.5.5

viewers=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
folder="$viewers/slide_viewer"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cd "$scratch"
npm pack --silent "openseadragon@$OPENSEADRAGON"
tar -xzf "openseadragon-$OPENSEADRAGON.tgz"
# The source map is not shipped, so the line that points at it would only give a 404 in the browser's tools.
sed '/^\/\/# sourceMappingURL=/d' package/build/openseadragon/openseadragon.min.js > "$folder/openseadragon.min.js"
cp package/LICENSE.txt "$folder/openseadragon.LICENSE.txt"
echo "openseadragon $OPENSEADRAGON" > "$folder/VERSIONS.txt"

folder="$viewers/structure_viewer"
npm pack --silent "3dmol@$THREEDMOL"
rm -rf package
tar -xzf "3dmol-$THREEDMOL.tgz"
sed '/^\/\/# sourceMappingURL=/d' package/build/3Dmol-min.js > "$folder/threedmol.min.js"
# Its licence, and those of what is built into it.
cp package/LICENSE "$folder/threedmol.LICENSE.txt"
if [ -f package/build/3Dmol-min.js.LICENSE.txt ]; then
  printf '\n\n' >> "$folder/threedmol.LICENSE.txt"
  cat package/build/3Dmol-min.js.LICENSE.txt >> "$folder/threedmol.LICENSE.txt"
fi
echo "3dmol $THREEDMOL" > "$folder/VERSIONS.txt"
