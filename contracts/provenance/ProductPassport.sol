// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC4906} from "@openzeppelin/contracts/interfaces/IERC4906.sol";
import {IERC721} from "@openzeppelin/contracts/interfaces/IERC721.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {IMemberRegistry} from "../access/IMemberRegistry.sol";
import {Roles} from "../access/Roles.sol";
import {SignedAction} from "../access/SignedAction.sol";
import {IRightsRegistry} from "../ip/IRightsRegistry.sol";
import {DigitalLink} from "./DigitalLink.sol";
import {IProductPassport} from "./IProductPassport.sol";
import {MerkleTree9162} from "./MerkleTree9162.sol";

/// @title Passports of serialised items
/// @notice Issued by root under a licence, materialised one by one, stopped by recall or seizure; nobody administers it.
contract ProductPassport is IProductPassport, IERC4906, ERC721, SignedAction {
    /// @dev One slot. A GTIN has 47 bits; `number` counts issues from 1.
    struct Head {
        uint64 maker;
        uint48 gtin;
        uint64 size;
        uint40 issuedAt;
        uint32 number;
        bool stopped;
    }

    struct KeptIssue {
        Head head;
        bytes32 licence;
        bytes32 root;
    }

    /// @dev Owner and issue share a slot: a token costs 22,100 gas less than with ERC721's own mapping. `named`: some
    /// recall names the item, so that only then its stop is looked up; set for items without token, too.
    struct KeptToken {
        address owner;
        uint32 issueNumber;
        bool named;
    }

    struct Stop {
        uint64 by;
        bytes32 evidence;
    }

    bytes32 private constant ISSUE_TYPEHASH =
        keccak256("Issue(bytes32 root,uint64 size,uint64 gtin,bytes32 licence,bytes cid,uint64 deadline)");
    bytes32 private constant RECALL_TYPEHASH =
        keccak256("Recall(bytes32 issueId,bytes32 item,bytes32 evidence,uint64 deadline)");

    uint256 private constant OPEN = 1 << 255;

    /// @notice Who makes, holds and seizes.
    IMemberRegistry public immutable registry;
    /// @notice What may be made and brought where.
    IRightsRegistry public immutable rights;

    mapping(bytes32 issueId => KeptIssue) private _issues;
    mapping(uint32 number => bytes32 issueId) private _issueIds;
    uint32 private _issueCount;
    mapping(uint256 tokenId => KeptToken) private _tokens;
    /// @dev Number of passports, and OPEN: a first write to a slot costs 17,100 gas more, which an issue pays once for
    /// its maker's account, so that no single item does.
    mapping(address owner => uint256) private _held;
    /// @dev Recalls by what they reach and item (zero for a whole issue); see `_reach`.
    mapping(bytes32 reach => mapping(bytes32 item => Stop)) private _stops;
    /// @dev Seizures by item, or by issue where the whole is seized: whoever issues the item, and whoever recalled it
    /// before to keep the authority's decision from being recorded.
    mapping(bytes32 itemOrIssue => Stop) private _seizures;

    /// @notice Binds the passports to one registry of members and one of rights for ever.
    constructor(IMemberRegistry registry_, IRightsRegistry rights_) ERC721("TradeSeal Product Passport", "TSPP") {
        registry = registry_;
        rights = rights_;
    }

    /// @inheritdoc IProductPassport
    function issue(Issue calldata batch, address signer, bytes calldata signature)
        external
        returns (bytes32 issueId)
    {
        if (batch.root == 0) revert FieldEmpty("root");
        if (batch.cid.length == 0) revert FieldEmpty("cid");
        if (batch.size == 0) revert SizeInvalid(batch.size);
        DigitalLink.requireGtin(batch.gtin);
        bytes32 structHash = keccak256(
            abi.encode(
                ISSUE_TYPEHASH,
                batch.root,
                batch.size,
                batch.gtin,
                batch.licence,
                keccak256(batch.cid),
                batch.deadline
            )
        );
        _requireSigned(structHash, batch.deadline, signer, signature);
        uint64 maker = registry.requireRole(signer, Roles.MAKER);

        issueId = _keep(batch, maker);
        rights.consume(batch.licence, maker, batch.gtin, batch.size);
        address account = registry.member(maker).account;
        if (_held[account] == 0) _held[account] = OPEN;
        emit Issued(issueId, maker, batch.gtin, batch.root, batch.size, batch.licence, batch.cid, signer);
    }

    /// @inheritdoc IProductPassport
    function materialise(bytes32 issueId, uint64 index, string calldata serial, bytes32[] calldata proof)
        external
        returns (uint256 tokenId)
    {
        Head memory head = _issues[issueId].head;
        if (head.maker == 0) revert IssueUnknown(issueId);
        (, tokenId) = DigitalLink.item(head.gtin, serial);
        _requireIssued(issueId, head, index, serial, proof);
        address to = _mintFor(issueId, head, tokenId);
        emit Materialised(issueId, tokenId, index, serial, to);
    }

    /// @inheritdoc IProductPassport
    function recall(Recall calldata stop, address signer, bytes calldata signature) external {
        if (stop.evidence == 0) revert FieldEmpty("evidence");
        bytes32 structHash =
            keccak256(abi.encode(RECALL_TYPEHASH, stop.issueId, stop.item, stop.evidence, stop.deadline));
        _requireSigned(structHash, stop.deadline, signer, signature);
        Head memory head = _issues[stop.issueId].head;
        if (head.maker == 0) revert IssueUnknown(stop.issueId);
        (uint64 by, bool seizure) = _recaller(stop.issueId, head.maker, signer);

        Stop storage place = seizure
            ? _seizures[stop.item == 0 ? stop.issueId : stop.item]
            : _stops[stop.item == 0 ? stop.issueId : _reach(head)][stop.item];
        if (place.by != 0) revert AlreadyRecalled(stop.issueId, stop.item);
        place.by = by;
        place.evidence = stop.evidence;
        emit Recalled(stop.issueId, stop.item, by, stop.evidence, seizure);
        if (stop.item == 0) {
            _issues[stop.issueId].head.stopped = true;
            // Its tokens cannot be listed: their ids are digests.
            emit BatchMetadataUpdate(0, type(uint256).max);
        } else {
            KeptToken storage token = _tokens[uint256(stop.item)];
            token.named = true;
            if (token.owner != address(0)) emit MetadataUpdate(uint256(stop.item));
        }
    }

    /// @inheritdoc IProductPassport
    function issueRecord(bytes32 issueId) external view returns (IssueRecord memory) {
        KeptIssue memory kept = _issues[issueId];
        if (kept.head.maker == 0) revert IssueUnknown(issueId);
        return IssueRecord({
            maker: kept.head.maker,
            gtin: kept.head.gtin,
            size: kept.head.size,
            issuedAt: kept.head.issuedAt,
            licence: kept.licence,
            root: kept.root
        });
    }

    /// @inheritdoc IProductPassport
    function issueOf(uint256 tokenId) external view returns (bytes32 issueId) {
        return _issueIds[_tokens[tokenId].issueNumber];
    }

    /// @inheritdoc IProductPassport
    function recallOf(bytes32 issueId, bytes32 item) external view returns (uint64 by, bytes32 evidence) {
        Stop storage stop = _seizures[issueId];
        if (stop.by == 0) stop = _seizures[item];
        if (stop.by == 0) stop = _stops[issueId][0];
        if (stop.by == 0) stop = _stops[_reach(_issues[issueId].head)][item];
        return (stop.by, stop.evidence);
    }

    /// @inheritdoc IProductPassport
    function itemOf(uint64 gtin, string calldata serial) external pure returns (string memory uri, uint256 tokenId) {
        DigitalLink.requireGtin(gtin);
        return DigitalLink.item(gtin, serial);
    }

    /// @inheritdoc IProductPassport
    function issueIdOf(uint64 maker, bytes32 root) public pure returns (bytes32) {
        return keccak256(abi.encode(maker, root));
    }

    /// @notice How many passports `owner` holds (ERC-721).
    function balanceOf(address owner) public view override(ERC721, IERC721) returns (uint256) {
        if (owner == address(0)) revert ERC721InvalidOwner(address(0));
        return _held[owner] & ~OPEN;
    }

    /// @notice Interfaces of ERC-165, ERC-721 with metadata, and ERC-4906.
    function supportsInterface(bytes4 interfaceId) public view override(ERC721, IERC165) returns (bool) {
        // ERC-4906 has no functions; its id is fixed by the standard's text.
        return interfaceId == bytes4(0x49064906) || super.supportsInterface(interfaceId);
    }

    /// @dev ERC721's own, on our mapping.
    function _ownerOf(uint256 tokenId) internal view override returns (address) {
        return _tokens[tokenId].owner;
    }

    /// @dev ERC721's own on our mappings, and the rules of a sale before every transfer. A mint comes from
    /// `materialise` alone, which has named the issue and asked them for the maker; nothing burns.
    function _update(address to, uint256 tokenId, address auth) internal override returns (address from) {
        KeptToken storage token = _tokens[tokenId];
        from = token.owner;
        if (auth != address(0)) _checkAuthorized(from, auth, tokenId);
        if (token.issueNumber == 0) revert ERC721NonexistentToken(tokenId);
        if (from != address(0)) {
            uint64 gln = registry.memberOfAccount(to);
            if (gln == 0) revert HolderNotMember(to);
            bytes32 issueId = _issueIds[token.issueNumber];
            _requireMayHold(tokenId, issueId, _issues[issueId].head, registry.member(gln), to);
            _approve(address(0), tokenId, address(0), false);
        }
        // As in ERC721: who owned a token held one, and nobody holds 2^255.
        unchecked {
            if (from != address(0)) _held[from] -= 1;
            _held[to] = (_held[to] | OPEN) + 1;
        }
        token.owner = to;
        emit Transfer(from, to, tokenId);
    }

    /// @dev Records an issue once.
    function _keep(Issue calldata batch, uint64 maker) private returns (bytes32 issueId) {
        issueId = issueIdOf(maker, batch.root);
        KeptIssue storage kept = _issues[issueId];
        if (kept.head.maker != 0) revert AlreadyIssued(issueId);
        uint32 number = ++_issueCount;
        kept.head = Head({
            maker: maker,
            gtin: uint48(batch.gtin),
            size: batch.size,
            issuedAt: uint40(block.timestamp),
            number: number,
            stopped: false
        });
        kept.licence = batch.licence;
        kept.root = batch.root;
        _issueIds[number] = issueId;
    }

    /// @dev Mints to the maker's account where the rules of a sale allow it.
    function _mintFor(bytes32 issueId, Head memory head, uint256 tokenId) private returns (address to) {
        KeptToken storage token = _tokens[tokenId];
        if (token.issueNumber != 0) revert AlreadyMaterialised(tokenId, _issueIds[token.issueNumber]);
        IMemberRegistry.Member memory holder = registry.member(head.maker);
        to = holder.account;
        _requireMayHold(tokenId, issueId, head, holder, to);
        token.issueNumber = head.number;
        _mint(to, tokenId);
    }

    /// @dev The serial stands at `index` below the issue's root.
    function _requireIssued(
        bytes32 issueId,
        Head memory head,
        uint64 index,
        string calldata serial,
        bytes32[] calldata proof
    ) private view {
        // Leaf data is 0x02, the serial's length and the serial: no serial is another one's beginning.
        bytes memory data = bytes.concat(bytes1(0x02), bytes1(uint8(bytes(serial).length)), bytes(serial));
        (bool fits, bytes32 root) = MerkleTree9162.rootOf(MerkleTree9162.leafHash(data), index, head.size, proof);
        // The issue's id commits to its root: cheaper than reading the root.
        if (!fits || issueIdOf(head.maker, root) != issueId) revert ProofInvalid(issueId, index, serial);
    }

    /// @dev Not stopped, the holder an active member, the licence live for the holder's country.
    function _requireMayHold(
        uint256 tokenId,
        bytes32 issueId,
        Head memory head,
        IMemberRegistry.Member memory holder,
        address account
    ) private view {
        if (head.stopped || (_tokens[tokenId].named && _isStopped(head, bytes32(tokenId)))) {
            revert ItemRecalled(tokenId, issueId);
        }
        if (!holder.active) revert HolderNotMember(account);
        rights.checkTerritory(_issues[issueId].licence, holder.country);
    }

    /// @dev Whether an authority seized the item, or its maker or licensor recalled it.
    function _isStopped(Head memory head, bytes32 item) private view returns (bool) {
        return _seizures[item].by != 0 || _stops[_reach(head)][item].by != 0;
    }

    /// @dev The member that may stop this issue by `signer`'s key, and whether it does so as an authority. A key that
    /// its member limited to other work recalls nothing.
    function _recaller(bytes32 issueId, uint64 maker, address signer) private view returns (uint64 by, bool seizure) {
        by = registry.requireRole(signer, 0);
        uint64 licensor = rights.licenceRecord(_issues[issueId].licence).licensor;
        if (by == maker || by == licensor) {
            uint32 anyOf = (by == maker ? Roles.MAKER : 0) | (by == licensor ? Roles.BRAND_OWNER : 0);
            registry.requireMember(signer, by, anyOf);
        } else {
            try registry.requireRole(signer, Roles.CUSTOMS | Roles.REGULATOR) {
                seizure = true;
            } catch {
                revert NotRecaller(issueId, by);
            }
        }
    }

    /// @dev Where an item's recall is kept: by maker and GTIN, so that issuing the item again does not free it. No wider,
    /// as nothing proves that the item is in the issue which a recall names: a maker or licensor could stop others'.
    /// An authority may name any issue anyway, so what it seizes is seized whoever issues it again.
    function _reach(Head memory head) private pure returns (bytes32) {
        return bytes32((uint256(head.maker) << 64) | head.gtin);
    }
}
